"""What people do: expressions, head, body and gaze over time."""
