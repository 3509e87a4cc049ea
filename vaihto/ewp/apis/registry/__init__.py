"""The registry's catalogue, which every node reads and only registries serve."""
