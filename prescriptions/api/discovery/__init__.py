"""What a client can find out: its own rights, every code that the API takes or tells, and figures."""
