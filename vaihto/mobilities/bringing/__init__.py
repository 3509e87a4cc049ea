"""Comparing facts about mobilities with what is stored, and drafting what to write.

A fact about a mobility is what *one* institution states. Where both institutions are hosted here and state the
same, they share one mobility with two sides; as soon as one of them states something else, its side gets a
mobility of its own, so that nobody changes another institution's register. `mobilities/actions.py` is the door.
Start reading at `settling.py`.
"""
