"""Reports at the screen: forms, what they ask, and how answers are shown."""
