"""People who are probably in the base twice: searching for them, and what reviewers say about each pair."""
