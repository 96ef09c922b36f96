"""Figures: what is added up, and what is told of it: the start page, `GET /api/v1/stats`, `manage.py stats`."""
