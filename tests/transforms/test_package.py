"""Importing the package is cheap: a web process must not load decoders, and cold starts pay for each module."""

import subprocess
import sys

import transforms

HEAVY = {
    "PIL",
    "numpy",
    "pypdfium2",
    "pdf2image",
    "pillow_heif",
    "cykooz_resizer",
    "img2pdf",
    "pikepdf",
    "boto3",
    "django",
}


def test_importing_the_package_loads_no_decoder_framework_or_client():
    program = "import sys, transforms.request.iiif; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "transforms" in result.stdout.split()
    assert HEAVY.isdisjoint(result.stdout.split())


def test_public_names_exist():
    assert all(hasattr(transforms, name) for name in transforms.__all__)
