"""What all people share: the rig, the head on its torso, and the arrays that a person is made of."""
