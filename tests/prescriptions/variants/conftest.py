"""Who looks at pictures, for the tests of pictures and of links."""

from tests.prescriptions.faces import reader  # noqa: F401
