"""Settings of the test process: the project's own, with throw-away secrets and a database file of its own.

The addresses of S3 and Redis are filled in by the `stack` fixture, which starts them on free ports.
"""

import tempfile
from pathlib import Path

from rxproject.settings import *  # noqa: F403
from rxproject.settings import DATABASES, LOGGING, MIDDLEWARE

SECRET_KEY = "tests-only-" + "s" * 50
RX_LINK_KEYS = "k1:" + "11" * 32
RX_BACKEND = "inline"
RX_PDF_ENGINES = ("pdfium",)
RX_REVIEW_UNDO = 0  # a decision is the world's at once, where a test does not say otherwise
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: renders run in threads with connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(tempfile.mkdtemp(prefix="rx-tests-")) / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # slow hashing proves nothing here
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]
LOGGING["loggers"]["httpx"] = {"level": "WARNING"}  # type: ignore[index]
