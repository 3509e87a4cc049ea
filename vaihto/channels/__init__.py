"""How a partner is reached now: over EWP, here on this installation, by a link, or by a file.

What belongs here: the choice of the channel, and the channels that need no network of machines. What does not: what is
said over them (`agreements`, `mobilities`) and EWP itself, which registers from above. Start reading at `reaching.py`.
"""
