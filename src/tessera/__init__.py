"""Tessera: one person, one profile, every channel."""

__version__ = "0.1.0"
