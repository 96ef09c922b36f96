"""Reviewing prescriptions: the state machine, the queue, decisions, redactions. Screens and the API only call this."""
