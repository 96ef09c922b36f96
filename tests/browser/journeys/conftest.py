"""The pharmacy of the journeys. Its stack is not shared: the head of its queue must be nobody else's, and a decision
can be taken back until the test says that time has passed."""

from pathlib import Path

import pytest

from rxproject.local import samples
from tests.browser.conftest import OpenPage
from tests.browser.journeys.people import Pharmacy
from tests.browser.staff import Member, hire
from tests.conftest import Site

_OTHERS_DONE = "UPDATE prescriptions_review SET status = 'withdrawn' WHERE status IN "
_OTHERS_DONE += "('queued', 'in_review', 'clarification', 'second_check')"


@pytest.fixture(scope="session")
def site(private_site: Site) -> Site:
    return private_site


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    content = {f"{name}.jpg": samples.phone_photo(seed, megapixels=2) for seed, name in enumerate(("one", "two"), 1)}
    content["three.pdf"] = samples.three_page_pdf()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


@pytest.fixture(scope="session")
def staff(site: Site) -> dict[str, Member]:
    """Two pharmacists and a senior."""
    return hire(site, {"asha": "pharmacist", "bela": "pharmacist", "chitra": "senior"})


@pytest.fixture
def pharmacy(site: Site, files: dict[str, Path], staff: dict[str, Member], open_page: OpenPage) -> Pharmacy:
    """With an empty queue, and nothing to be taken back."""
    made = Pharmacy(site, open_page, files, staff)
    site.change(_OTHERS_DONE)
    made.let_decisions_stand()
    return made
