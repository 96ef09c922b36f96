"""The pipeline version: one segment of every variant's key, so that old and new pixels never mix."""

from typing import Final

# Raise by hand (p5, p6, ...) in the same change that alters any output pixel or byte: encoder settings,
# scaling, colour handling, an engine's major version, the `enhanced` profile. The golden-digest tests fail
# until you do. Old objects are then no longer found; the bucket's lifecycle removes them.
PIPELINE: Final = "p4"
