"""Files from elsewhere: read, shown, then brought in through the same actions as everything else.

What belongs here: reading untrusted tables, the preview, the batch and its undoing. What does not: decisions.
Start reading at `kinds.py`.
"""
