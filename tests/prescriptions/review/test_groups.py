"""The groups: what the migration gave each of them, and that nobody may delete or add anything."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from prescriptions.models import Review
from tests.prescriptions.staff import Make


def rights(user: Any) -> set[str]:
    return {name.removeprefix("prescriptions.") for name in user.get_all_permissions()}


def test_nobody_may_add_change_or_delete_by_form(staff: dict[str, Any]) -> None:
    for name, user in staff.items():
        forbidden = {right for right in rights(user) if right.startswith(("add_", "delete_", "change_"))}
        assert forbidden == ({"change_variant"} if name == "ops" else set()), name


def test_what_sets_the_groups_apart(staff: dict[str, Any]) -> None:
    pharmacist, senior, auditor, ops = (rights(staff[name]) for name in ("pharmacist", "senior", "auditor", "ops"))

    assert {"claim_review", "decide_review", "redact_page", "view_page"} <= pharmacist
    alone = {"second_check_review", "reopen_review", "assign_review", "override_review", "view_auditevent"}
    assert senior - pharmacist == alone
    assert {"view_auditevent", "view_auditanchor", "view_review", "view_prescription"} <= auditor
    assert not {"view_page", "view_document", "view_variant", "claim_review", "decide_review"} & auditor
    assert ops == {"view_variant", "change_variant", "view_apitoken", "view_retentionrun", "view_webhook"}


@pytest.mark.parametrize(("name", "status"), [("pharmacist", 200), ("senior", 200), ("auditor", 403), ("ops", 403)])
def test_pictures_and_files_are_for_those_who_review(
    make: Make, staff: dict[str, Any], client: Client, name: str, status: int
) -> None:
    review = make()
    client.force_login(staff[name])

    assert client.get(f"/api/v1/prescriptions/{review.pk}").status_code == status


def test_an_auditor_who_was_granted_pictures_sees_them(make: Make, staff: dict[str, Any], client: Client) -> None:
    review: Review = make()
    staff["auditor"].user_permissions.add(Permission.objects.get(codename="view_page"))
    client.force_login(staff["auditor"])

    assert client.get(f"/api/v1/prescriptions/{review.pk}").status_code == 200
