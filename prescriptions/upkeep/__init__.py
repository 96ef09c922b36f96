"""Upkeep: erasure, rows and objects that no longer fit together, reviews that time has overtaken."""
