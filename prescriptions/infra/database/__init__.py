"""Statements of the hot path, rows in turn, and what time it is: what the rooms above ask of the database."""
