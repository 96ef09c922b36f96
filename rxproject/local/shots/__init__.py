"""Pictures of the real pages for the docs."""
