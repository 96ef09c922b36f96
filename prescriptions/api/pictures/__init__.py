"""Pictures by API: where a variant is, making many of them, and links for others."""
