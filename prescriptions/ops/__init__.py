"""What operators ask: is it up, what does it count, what is wrong with this machine."""
