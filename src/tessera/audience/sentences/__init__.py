"""Conditions in plain words, in the language that is active."""
