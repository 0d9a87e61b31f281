"""The `megactor` command: words in, words out. Nothing here computes a picture."""
