"""Inter-institutional agreements: our copy, the partner's copy, what was approved, and the places that follow.

What belongs here: the terms, the conversation about them and its proofs, whatever the channel. What does not: how
a partner is reached (`channels`, `ewp`) and who gets a place (`mobilities`). Start reading at `terms.py` (what is
agreed), `standing.py` (where the conversation stands) and `actions.py` (every verb).
"""
