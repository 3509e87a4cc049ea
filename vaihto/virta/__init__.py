"""The national export of Finland: its records, its files, its checks, and what was sent.

What belongs here: Finnish element names and everything that speaks them. What does not: pages and
partners. `records` declares the format once; `document` reads, `writing` writes, `validation` says
whether a file is right, `check` is the command for any file. Those know no Django, no database and no
setting. Start reading at `records`.
"""
