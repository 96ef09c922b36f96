"""What keeps the trouble of one part from becoming that of another."""
