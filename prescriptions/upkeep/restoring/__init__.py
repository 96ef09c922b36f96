"""After a database was restored: what was lost, what can be written again, and who has been told."""
