"""`python -m rxproject.local.shots [SCENE ...]`: pictures of the real pages, with Debian's Chromium; see scenes.py."""

import sys

from rxproject.local.shots.scenes import main

if __name__ == "__main__":
    sys.exit(main())
