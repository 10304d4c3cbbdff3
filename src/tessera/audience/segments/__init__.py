"""Segments: named conditions and lists, who is in them, and how fresh that is."""
