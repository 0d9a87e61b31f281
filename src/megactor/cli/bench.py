"""`megactor bench`: measurements of this machine."""
