"""What a client can find out: its own rights, and every code that the API takes or tells."""
