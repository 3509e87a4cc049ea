"""What was achieved and what the home institution decided about it.

What belongs here: attainments with their dates of completion and recognition, degrees among them. What does
not: the counting of credits (`rules`). Start reading at `models.py`.
"""
