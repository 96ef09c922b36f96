"""What tests of the review page begin with."""

import pytest

from prescriptions.models import Review
from tests.prescriptions.reviewing import Staff, claimed, looked
from tests.prescriptions.staff import Make


@pytest.fixture(autouse=True)
def nothing_is_rendered(recorder: list[str]) -> None:
    """The page only names its pictures."""


@pytest.fixture
def held(make: Make, staff: Staff) -> Review:
    """Two pages, two lines, claimed by the pharmacist, who has looked at both pages."""
    return looked(claimed(make, staff["pharmacist"], pages=2, lines=2, order_ref="ORD-1"), staff["pharmacist"])
