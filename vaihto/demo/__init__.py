"""An invented alliance with lives worth looking at, built through the actions.

What belongs here: invention, the same at every run. Nobody imports this room. Start reading at `alliance.py`.
"""

# Where the invented registry would be, if it were somewhere. Only under this address the demo brings its own catalogue.
CATALOGUE_URL = "https://registry.tuuli.example/catalogue-v1.xml"
