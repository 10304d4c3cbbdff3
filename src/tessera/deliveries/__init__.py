"""Automatic exports of segments: who entered and who left, carried to the company's own places."""
