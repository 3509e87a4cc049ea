"""Pages for partners without a system: what a guest sees behind a link, and how the office makes links and files."""
