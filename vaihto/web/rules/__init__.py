"""Pages that list every rule with its source, dates and cases, and preview what a change would move."""
