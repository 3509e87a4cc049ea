"""Who did what, when, on whose behalf.

What belongs here: the `Actor` that every action is given, `record()`, and the entries that nobody can
change. What does not: any knowledge of what the entries are about. Start reading at `actors.py`.
"""
