"""Files that come in pieces, over lines that break: tus 1.0. What is whole goes through intake like any other file."""
