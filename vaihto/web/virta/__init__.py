"""Pages of the national export: runs, checks, differences, rehearsal."""
