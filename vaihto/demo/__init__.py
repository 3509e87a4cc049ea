"""An invented alliance with lives worth looking at, built through the actions.

What belongs here: invention, the same at every run. Nobody imports this room. Start reading at `alliance.py`.
"""
