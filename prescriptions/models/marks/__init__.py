"""What is marked on a page: what is hidden of it, and where the paper lies in it."""
