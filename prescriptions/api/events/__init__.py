"""What clients are told: the feed."""
