"""Identifiers: random, never reused, never derived from anything a person typed."""

import re
import secrets

# References that other systems give us (orders, patients): safe in an address, a header and a log line.
# Anchored at both ends: DRF's RegexField searches, it does not match.
REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
REFERENCE_HELP = "1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit."
# An Idempotency-Key, of uploads and of actions alike.
KEY = re.compile(r"[\x21-\x7e]{1,100}\Z")
KEY_HELP = "1 to 100 visible ASCII characters."


def new_identifier() -> str:
    """32 lower-case hex digits: the public id of a prescription, document or variant, and the owner of a claim."""
    return secrets.token_hex(16)
