"""A page whose original is in S3, and sheets in it."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from prescriptions.audit.actors import staff as as_actor
from prescriptions.intake import accepting
from prescriptions.models import Page, Sheet, Variant
from prescriptions.variants import claims, making, sheets
from rxproject.local.stack.stack import Stack
from tests.links import mint
from tests.prescriptions.conftest import file, picture
from transforms.request.presets import preset

# Of a page of 300 x 400 pixels.
FIRST = [[30, 40], [270.5, 42], [265, 360], [25, 355]]
SECOND = [[30, 40], [270.5, 42], [265, 360], [25, 356]]


@pytest.fixture
def page(servers: Stack, seeded: None) -> Page:
    """A white page with a navy patch, 300 x 400, whose original is in S3."""
    prescription = accepting.accept([file(data=picture(form="PNG"))], client="shop")
    return Page.objects.select_related("prescription", "document").get(prescription=prescription)


def put(page: Page, corners: Any, user: Any) -> Sheet:
    return sheets.set_corners(page.prescription_id, page.number, corners, actor=as_actor(user))


def render(sheet: Sheet, quality: str = "default") -> Variant:
    stored = preset("thumb", sheet.size)
    variant, won = claims.insert(sheet, replace(stored, quality=quality), advertised=True)
    assert won
    making.make(variant.id, variant.owner)
    variant.refresh_from_db()
    return variant


def get(page: Page, name: str, tail: str, scope: str = "f", prefix: str = "") -> Any:
    token = mint(page.prescription_id, scope=scope)
    return Client().get(f"{prefix}/iiif/3/{token}/{page.identifier}s{name}/{tail}")
