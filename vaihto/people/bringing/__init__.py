"""Comparing facts about persons with what is stored, and drafting what to write.

`people/actions.py` is the door; each module here holds one kind of fact. Start reading at `setting.py`.
"""
