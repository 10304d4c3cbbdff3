"""The warehouse: everybody and everything they did as wide typed tables, on whichever engine."""
