"""Runs the rules over the records and keeps verdicts with their reasons.

What belongs here: building the columns the rules read, and storing what they answer with the edition that said
it. What does not: the rules themselves. Start reading at `models.py`.
"""
