"""Pages for operators and administrators: the journal, roles, background work."""
