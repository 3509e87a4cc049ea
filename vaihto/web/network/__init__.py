"""Pages that explain the network: partners, exchanges, what waits, our own node, and what members can do."""
