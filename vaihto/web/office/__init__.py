"""Pages of the offices: mobilities, persons, study rights, institutions."""
