"""What the environment says, and what follows from it for settings: names, kinds of values, the database, clocks."""
