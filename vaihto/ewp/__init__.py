"""The EWP node: what a university shows to, takes from and asks of the Erasmus Without Paper network.

What belongs here: everything that knows EWP. What does not: decisions about records; those are actions of the
rooms below. Start reading at `protocol/api.py` (what an API is), then `server.py` (a request's way in) and
`client.py` (a call's way out). `protocol` and every `messages.py` turn bytes into values and back and touch
neither network, clock nor database.
"""
