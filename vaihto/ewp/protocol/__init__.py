"""Bytes to values and back: HTTP as EWP sees it, signatures, XML, errors. No input or output here."""
