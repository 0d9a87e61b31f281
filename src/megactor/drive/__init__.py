"""What comes in: the portrait and the driving frames, cropped and masked for the networks."""
