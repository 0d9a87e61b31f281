"""Smooth noise and the filters that hand-made pictures are built from; of pictures alone, whoever made them."""
