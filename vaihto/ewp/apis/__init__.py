"""One package per business object: its `Api` declarations, messages, mapping from records and endpoints."""
