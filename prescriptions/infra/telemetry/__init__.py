"""For collectors of others, if there are any: traces and errors. The service works without."""
