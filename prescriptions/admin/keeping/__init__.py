"""Keeping and letting go, in the admin: legal holds, erasures, exports, and what the nights have done.

`prescriptions.upkeep` does it all; here are pages that ask first, and ask who it is.
"""
