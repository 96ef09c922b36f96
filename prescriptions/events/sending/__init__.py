"""One message to one receiver, over a connection to the very address that was checked."""
