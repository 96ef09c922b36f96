"""Backends: named by settings, telling the truth about whether anybody was told."""

from collections.abc import Callable, Iterator

import pytest
from celery import Celery
from kombu import pools
from pytest_django import Settings

from prescriptions.infra import metrics
from prescriptions.models import Page, Variant, new_identifier
from prescriptions.variants import asking, backends, claims, making
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.backends.celery_queue import CeleryBackend
from prescriptions.variants.backends.inline import InlineBackend
from prescriptions.variants.backends.names import SHORT_NAMES
from prescriptions.variants.fairness.tickets import Ticket
from rxproject.celery import app
from tests.conftest import Site
from tests.prescriptions.conftest import CLOSED, SOMEBODY, claim
from tests.waiting import until
from transforms.request.spec import Stored


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("celery", CeleryBackend),
        ("inline", InlineBackend),
        ("prescriptions.variants.backends.inline.InlineBackend", InlineBackend),
    ],
)
def test_a_backend_is_named_short_or_by_path(name: str, kind: type, settings: Settings) -> None:
    settings.RX_BACKEND = name

    assert isinstance(backends.current(), kind)
    assert backends.current() is backends.current()


def test_a_backend_that_does_not_exist(settings: Settings) -> None:
    settings.RX_BACKEND = "prescriptions.variants.backends.Nonsense"

    with pytest.raises(ImportError, match="Nonsense"):
        backends.current()


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        *((short, short) for short in SHORT_NAMES),
        *((path, short) for short, path in SHORT_NAMES.items()),
        ("shop.renderers.Elsewhere", "Elsewhere"),
        ("shop.renderers.TheOneInTheOtherDataCentre", "TheOneInTheOther"),
    ],
)
def test_a_backend_has_one_name_however_it_is_spelt(setting: str, name: str) -> None:
    assert backends.name_of(setting) == name
    assert len(name) <= Variant._meta.get_field("backend").max_length


def test_metrics_know_the_names_of_ours() -> None:
    assert set(metrics.BACKENDS) == set(SHORT_NAMES)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("first", "second"), [("lambda", "inline"), (SHORT_NAMES["lambda"], SHORT_NAMES["inline"])], ids=["short", "dotted"]
)
def test_a_backend_in_trouble_hands_over_to_the_other(page: Page, settings: Settings, first: str, second: str) -> None:
    # given a gateway that refuses connections
    settings.RX_BACKEND, settings.RX_FALLBACK_BACKEND = first, second
    settings.RX_GATEWAY_URL = f"http://{CLOSED}/render"
    settings.RX_GATEWAY_ACCESS_KEY, settings.RX_GATEWAY_SECRET_KEY = "key", "secret"

    outcome = asking.get_variant(page, Stored.parse("full/150,200/0/default.webp"), by=SOMEBODY, wait=60)

    # then the second one made it, and the row says so by its name
    assert outcome.how == "generated"
    assert (outcome.variant.backend, outcome.variant.attempts) == ("inline", 1)


@pytest.mark.django_db(transaction=True)
def test_a_backend_does_not_hand_over_to_itself_by_another_spelling(page: Page, settings: Settings) -> None:
    settings.RX_BACKEND, settings.RX_FALLBACK_BACKEND = "lambda", SHORT_NAMES["lambda"]
    settings.RX_GATEWAY_URL = f"http://{CLOSED}/render"
    settings.RX_GATEWAY_ACCESS_KEY, settings.RX_GATEWAY_SECRET_KEY = "key", "secret"
    variant = claim(page)
    assert variant.backend == "lambda"

    making.make(variant.id, variant.owner, maker=no_answer)

    variant.refresh_from_db()
    assert (variant.state, variant.backend, variant.attempts) == ("retry", "lambda", 1)


def no_answer(variant: Variant, timings: dict[str, float]) -> claims.Made:
    raise BackendUnavailable("nobody answers")


@pytest.mark.django_db(transaction=True)
def test_inline_makes_it_in_this_process(page: Page) -> None:
    variant = claim(page)

    backends.named("inline").dispatch(claims.ticket(variant, SOMEBODY))

    until(lambda: Variant.objects.get().state == "ready")


@pytest.fixture
def broker() -> Iterator[Callable[[str], None]]:
    """Makes the current Celery app one like ours whose broker is elsewhere."""

    def point(url: str) -> None:
        pools.reset()
        other = Celery("elsewhere", set_as_current=True)
        other.config_from_object("django.conf:settings", namespace="CELERY")
        other.conf.broker_url = other.conf.broker_write_url = other.conf.broker_read_url = url

    yield point
    app.set_current()
    pools.reset()


@pytest.mark.parametrize("lane", claims.LANES)
def test_celery_tells_a_worker_and_the_message_holds_ids_only(
    lane: str, site: Site, broker: Callable[[str], None]
) -> None:
    broker(site.stack.env_for("web")["RX_REDIS_URL"])
    variant_id = new_identifier()

    backends.named("celery").dispatch(Ticket(variant_id, "nobody", lane, SOMEBODY.unit))

    # then the stack's worker got it, and found no such claim in its database
    until(lambda: any(line.get("variant") == variant_id for line in site.log("worker")))
    told = [line["message"] for line in site.log("worker") if line.get("variant") == variant_id]
    assert told == ["stale message"]


def test_celery_without_a_broker_says_so(broker: Callable[[str], None]) -> None:
    broker(f"redis://{CLOSED}/0")

    with pytest.raises(BackendUnavailable):
        backends.named("celery").dispatch(Ticket(new_identifier(), "nobody", "images", SOMEBODY.unit))


def test_the_app_takes_json_only() -> None:
    assert isinstance(app, Celery)
    assert (app.conf.task_serializer, app.conf.accept_content) == ("json", ["json"])
    assert (app.conf.task_acks_late, app.conf.task_ignore_result) == (False, True)
