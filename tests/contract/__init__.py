"""The API against its own OpenAPI document: made-up cases, and clients that are generated from it."""
