"""Measures of results against the truth; training and evaluation use the same."""
