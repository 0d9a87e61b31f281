"""Twins of a filmed clip: the same motion by another person (`swapped`) or drawn (`styled`)."""
