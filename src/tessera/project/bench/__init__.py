"""Measurements beside a baseline taken in the same run: `tessera bench edge|intake`."""
