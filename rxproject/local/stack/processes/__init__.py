"""The processes of the stack: started, watched, and ended with who started them."""
