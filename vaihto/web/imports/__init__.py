"""Pages that bring files in: preview, confirm, undo, templates."""
