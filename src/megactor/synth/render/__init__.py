"""The renderer: person + scene + moment -> picture, and what is known of every pixel."""
