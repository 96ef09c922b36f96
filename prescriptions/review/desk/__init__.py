"""What lies on a reviewer's desk besides the item: prescribers that were met before, papers for the file."""
