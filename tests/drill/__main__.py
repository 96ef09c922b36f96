"""`python -m tests.drill`, `python -m tests.drill alerts`: see `board` and `alerts`."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
from tests.drill import alerts, board  # noqa: E402 - what they import needs the apps to be loaded

if sys.argv[1:2] == ["alerts"]:
    del sys.argv[1]
    sys.exit(alerts.main())
sys.exit(board.main())
