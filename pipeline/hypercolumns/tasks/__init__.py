"""Tasks: what the targets of a region are, and how its heat maps become an answer."""
