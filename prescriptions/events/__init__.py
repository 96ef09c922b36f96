"""What clients are told of: written down where it happens, placed in a feed, and sent to those who asked for it."""
