"""The list of reviews around its rows: parts, what narrows them, views that people keep, one's day."""
