"""Fonts for text whose PDF does not bring its own, and the text that even they cannot draw."""
