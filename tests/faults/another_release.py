"""Runs a module as a release that makes other pixels would: `python -m tests.faults.another_release p0 celery ...`.

The pipeline is a constant of the code, and no setting changes it. Here it is another one before anybody reads it.
"""

import runpy
import sys
from types import ModuleType

if __name__ == "__main__":
    pipeline, module = sys.argv[1:3]
    version = ModuleType("transforms.version")
    version.PIPELINE = pipeline  # type: ignore[attr-defined]
    sys.modules[version.__name__] = version
    sys.argv[1:3] = []
    runpy.run_module(module, run_name="__main__", alter_sys=True)
