"""What programmes, countries and the alliance say: what is allowed, counted, due, and why.

Columns in, verdicts and findings out. One topic per file trio: the logic (`finland.py`), the dated
parameters and the texts (`finland.yaml`, two documents in one file) and the cases
(`finland.cases.yaml`). What does not belong here: Django, the clock, a database, the format of a file,
names or identifiers of persons. Start reading at `findings.py`, then `finland.py`; `judging.py` turns
tables of mobilities into periods and verdicts.
"""
