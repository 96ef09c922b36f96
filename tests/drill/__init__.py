"""`make drill`: everything that can break is broken while people use the service, and what that cost is counted."""
