"""Questions, measures and charts: statistics for everyone.

What belongs here: measures with a definition one can quote, small-number protection, charts with the same numbers
as tables. What does not: personal data, and anything that writes. Start reading at `measures.py`.
"""
