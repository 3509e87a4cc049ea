"""How days, moments and numbers are written in each language."""
