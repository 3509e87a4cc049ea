"""The catalogue of programmes and courses: for everybody to find, for the offices to keep."""
