"""`python -m tests.drill`: see `board`."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
from tests.drill import board  # noqa: E402 - what it imports needs the apps to be loaded

sys.exit(board.main())
