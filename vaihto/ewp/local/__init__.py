"""A registry of our own, for tests, for a closed alliance, and for the network in a box.

What belongs here: importing manifests by the rules of the official registry, serving the catalogue, throw-away
certificates. What does not: anything a node needs of the real network, and Django. Start reading at `importing.py`.
"""
