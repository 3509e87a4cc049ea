"""What is true of a university regardless of who asks.

What belongs here: identifiers, names, units, alliance membership, headcounts and capabilities, each with
its dates and source. What does not: people and what they do. Start reading at `models.py`.
"""
