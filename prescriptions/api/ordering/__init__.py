"""Orders by REST: what was ordered, before and after anything is uploaded, and links for their customers."""
