"""Prescription pages in other sizes and formats: (source bytes, page, spec) -> encoded bytes. Pure.

Must never import Django, a cloud client, a database or a decoder here: the engines are imported from their
own modules (`transforms.measure.probe`, `transforms.render`, `transforms.sandbox`), and only where pixels are made.
"""

from transforms.errors import SpecError, TransformError, UpscaleRefused
from transforms.formats import OutputFormat, SourceType, sniff
from transforms.geometry import Box, Size
from transforms.limits import LIMITS, Limits
from transforms.request.presets import PRESETS
from transforms.request.spec import Spec, Stored
from transforms.version import PIPELINE

__all__ = [
    "LIMITS",
    "PIPELINE",
    "PRESETS",
    "Box",
    "Limits",
    "OutputFormat",
    "Size",
    "SourceType",
    "Spec",
    "SpecError",
    "Stored",
    "TransformError",
    "UpscaleRefused",
    "sniff",
]
