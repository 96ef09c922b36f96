"""A variant is made once: asked for, claimed, made by a backend, stored, served.

The whole story: docs/explanation/single-flight.md.
"""
