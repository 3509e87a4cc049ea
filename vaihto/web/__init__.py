"""Everything a person sees.

What belongs here: addresses, forms, views by audience, components, templates, letters. What does not: decisions.
Start reading at `urls.py`.
"""
