"""The named peers: each is installed into build/bench/ when it is first asked for, and run as its own documents say."""
