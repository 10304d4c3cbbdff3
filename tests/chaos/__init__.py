"""Everything that can die is killed at random moments, under load, and nothing acknowledged may be lost or doubled.

The test run kills a few times; `.venv/bin/python -m tests.chaos --kills 20` is the long form.
"""
