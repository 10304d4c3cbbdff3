"""Audiences: one condition language with two readings, segments, and the warehouse that answers them."""
