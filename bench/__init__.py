"""Figures against the limits of the machine; `vaihto bench` prints them. Never part of a test."""
