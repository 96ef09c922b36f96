"""All pages of a prescription in one file."""
