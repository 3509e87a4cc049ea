"""Pages about oneself: what is stored about me, my mobilities, do they count."""
