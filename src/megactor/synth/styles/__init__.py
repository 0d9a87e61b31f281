"""Rendered frames as paintings, drawings, prints and animated films."""
