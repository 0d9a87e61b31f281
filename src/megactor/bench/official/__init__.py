"""The public code of the official MegActor and ours, side by side: the same inputs, weights and settings."""
