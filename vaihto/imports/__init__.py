"""Files from elsewhere: what is in them, what would happen, and then the same actions a page calls.

What belongs here: reading untrusted tables, the kinds of file, batches with their preview, confirming and taking
back. What does not: what a fact means (the rooms below), or any page. Start reading at `kinds.py`.
"""
