"""Mobilities of every kind, from plan to closed record: one record, with dated segments.

What belongs here: who goes from where to where, why, when and in which mode, and how each hosted
institution sees it. What does not: what the rules make of it (`classification`). Start reading at `models.py`.
"""
