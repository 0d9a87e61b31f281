"""The web page: what `megactor animate` does, in a browser."""
