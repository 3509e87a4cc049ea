"""Persons, what ties them to institutions, and who may see and do what.

What belongs here: persons with their student records, study rights, enrolments and employments; accounts,
roles and permissions. What does not: mobilities. Start reading at `models.py`, then `access.py`.
"""
