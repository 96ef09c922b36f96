"""Keys as they are written down, and what is sealed with them."""
