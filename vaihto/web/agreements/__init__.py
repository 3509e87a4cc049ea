"""Agreements as the office sees them: the list, one agreement with both copies, and every deed on it."""
