"""Test sets: where portraits, drivers and, if there is one, the truth come from."""
