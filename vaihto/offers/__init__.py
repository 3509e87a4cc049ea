"""What a university teaches and opens to mobile students: its programmes, modules, courses and classes.

What belongs here: learning opportunities as a catalogue holds them, and their realisations from one day to
another with credits, language and grading. What does not: who takes part (`mobilities`), and how partners are
told (`ewp`). Start reading at `models.py`; `queries.py` is what the EWP node reads.
"""
