"""Settings of the test process: the project's own, with throw-away secrets and a database file of its own.

The addresses of S3 and Redis are filled in by the `stack` fixture, which starts them on free ports.
"""

import tempfile
from pathlib import Path

from rxproject.settings import *  # noqa: F403
from rxproject.settings import DATABASES, LOGGING, MIDDLEWARE
from tests import memory

SECRET_KEY = "tests-only-" + "s" * 50
RX_LINK_KEYS = "k1:" + "11" * 32
BASE_URL = "http://testserver"
RX_AUDIT_KEYS = "a1:" + "22" * 32
RX_BACKEND = "inline"
RX_PDF_ENGINES = ("pdfium",)
RX_SECOND_FACTOR = ("off",)  # tests/prescriptions/accounts sets it
MFA_SUPPORTED_TYPES = [*MFA_SUPPORTED_TYPES, "webauthn"]  # noqa: F405 - as at an address with a name
MFA_PASSKEY_LOGIN_ENABLED = True
# Tests that run side by side are one client, at one address, with few orders.
RX_CLIENT_QUEUE = RX_WRONG_TRIES = RX_ORDER_UPLOADS = 10_000
RX_REVIEW_UNDO = 0  # a decision is the world's at once, where a test does not say otherwise
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not SQLite's memory: renders run in threads with connections of their own. It goes with this process.
    _folder = tempfile.TemporaryDirectory(prefix="rx-tests-", dir=memory.FOLDER, ignore_cleanup_errors=True)
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_folder.name) / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # slow hashing proves nothing here
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]
LOGGING["loggers"]["httpx"] = {"level": "WARNING"}  # type: ignore[index]
