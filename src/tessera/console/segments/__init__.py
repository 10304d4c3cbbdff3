"""Segments at the screen: a condition as a form, its answers, and words for all of it."""
