"""An auditor at the desk."""

from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from tests.prescriptions.staff import person, seed

LOG = "/admin/prescriptions/auditevent/"


@pytest.fixture
def auditor(db: None) -> Client:
    seed()
    client = Client()
    client.force_login(person("auditor", "auditor"))
    return client


def told(response: Any) -> list[str]:
    """The sentences on a page of the desk, without those about the desk itself."""
    items = response.content.decode().split("<li data-verb=")[1:]
    words = [strip_tags(item.split("<p>")[1].split("</p>")[0]) for item in items]
    return [sentence for sentence in words if "audit log" not in sentence]
