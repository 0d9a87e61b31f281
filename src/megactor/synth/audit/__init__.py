"""How good the rendered people are: a search for broken pictures, and counts of who there is and what they do."""
