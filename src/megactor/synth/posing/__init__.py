"""A person at one moment: where every vertex is and how it faces."""
