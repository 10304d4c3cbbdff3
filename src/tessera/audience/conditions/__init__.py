"""The condition language: a small class per kind, each with both readings."""
