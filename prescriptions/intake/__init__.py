"""Intake: files are checked, probed and kept. Order links say who may send them."""
