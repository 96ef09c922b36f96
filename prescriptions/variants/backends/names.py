"""The names of the backends, and what a setting that names one means. A setting may also be a dotted path; two
spellings of one backend are the same backend. Imports none of them.
"""

import re
from typing import Final

SHORT_NAMES: Final = {
    "celery": "prescriptions.variants.backends.celery_queue.CeleryBackend",
    "inline": "prescriptions.variants.backends.inline.InlineBackend",
    "lambda": "prescriptions.variants.backends.api_gateway.LambdaBackend",
}
# Which of them make variants without a worker's help. Of one that is not ours nobody knows.
_WITHOUT_WORKER: Final = frozenset({"inline", "lambda"})
_MOST: Final = 16  # letters, in Variant.backend


def path_of(setting: str) -> str:
    """The dotted path of the class that a setting names. Raises ValueError where it can name none."""
    path = SHORT_NAMES.get(setting, setting)
    if not re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", path, re.ASCII):
        raise ValueError(path)
    return path


def name_of(setting: str) -> str:
    """What the backend is called in rows, logs and metrics: ours by its short name, another by its class."""
    for name, path in SHORT_NAMES.items():
        if setting in (name, path):
            return name
    return setting.rpartition(".")[2][:_MOST]


def needs_worker(*settings: str) -> bool:
    """Does one of these want a Celery worker? An empty one names nobody."""
    return any(name_of(setting) not in _WITHOUT_WORKER for setting in settings if setting)


def needs_gateway(*settings: str) -> bool:
    """Does one of these call the function through API Gateway?"""
    return "lambda" in map(name_of, settings)
