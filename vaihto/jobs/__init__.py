"""Work to be done later: announcements, long work with its progress, the timetable, and which library runs it.

What belongs here: how work is announced, queued, timed and watched, and what very
much of it owes the database (`growth.py`). What does not: what the work is.
Start reading at `announcements.py`, then `work.py`.
"""
