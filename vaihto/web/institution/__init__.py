"""Pages on which an institution writes what it tells its partners, and sees what is missing."""
