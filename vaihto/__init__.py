"""Vaihto: the exchange system of a university alliance.

The rooms of this package look down only; `pyproject.toml` holds the order and a machine checks it.
Start reading at `docs/concepts.md`, or in `rules/` if you want to know what counts.
"""
