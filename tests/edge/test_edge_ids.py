"""One request, one id: made here, or taken from a redirect of ours or a proxy that we trust; nobody else names it."""

import re

import pytest

from tests.edge.servers import Address, Edge, StandIn, StartEdge, Store

MINE, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2
SPAN = "00f067aa0ba902b7"


def traceparent(django: StandIn) -> str:
    (value,) = django.seen[-1].headers["traceparent"]
    return value


@pytest.mark.parametrize("query", [f"rid={MINE}", f"hop=1&rid={MINE}", f"rid={MINE.upper()}&rid={MINE}&rid={OTHER}"])
def test_the_id_in_a_redirects_query_is_the_requests(edge: Edge, store: Store, query: str) -> None:
    there, missing = Address(), Address()
    store.put(there.key, b"the variant")

    hit, miss = edge.http.get(f"{there.path()}?{query}"), edge.http.get(f"{missing.path()}?{query}")

    assert (hit.content, hit.headers["x-request-id"]) == (b"the variant", MINE)
    assert (miss.headers["location"], miss.headers["x-request-id"]) == (f"/generate{missing.path()}?{query}", MINE)
    # and it is no part of what is kept: without one the same entry answers, and says nothing of it
    again = edge.http.get(there.path())
    assert edge.log(again)["cache"] == "HIT"
    assert MINE not in str(again.headers)


@pytest.mark.parametrize("rid", [MINE[:-1], MINE + "0", MINE.upper(), "", "../" + MINE, "%0a" + MINE, "x" * 32])
def test_an_id_of_another_form_is_dropped(edge: Edge, rid: str) -> None:
    answer = edge.http.get(f"{Address().path()}?rid={rid}")

    made = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert made not in (MINE, rid)
    assert answer.headers["location"].endswith(f"&rid={made}")


def test_at_another_address_a_query_names_nothing(edge: Edge, django: StandIn) -> None:
    for path in (f"/page?rid={MINE}", f"/api/v1/prescriptions?rid={MINE}", f"/iiif/presentation/3/x/y?rid={MINE}"):
        assert edge.http.get(path).headers["x-request-id"] != MINE


def test_a_client_names_neither_its_request_nor_its_trace(edge: Edge, django: StandIn) -> None:
    answer = edge.http.get(
        "/page",
        headers={
            "X-Request-ID": MINE,
            "Traceparent": f"00-{OTHER}-{SPAN}-01",
            "Tracestate": "a=b",
            "Baggage": "patient=Smith",
        },
    )

    made = answer.headers["x-request-id"]
    assert made not in (MINE, OTHER)
    assert re.fullmatch(rf"00-{made}-[0-9a-f]{{16}}-01", traceparent(django))
    assert not {"tracestate", "baggage"} & set(django.seen[-1].headers)


@pytest.fixture(scope="module")
def behind(start_edge: StartEdge) -> Edge:
    """An edge behind a load balancer, which says whose requests they are."""
    return start_edge(overrides={"RX_EDGE_TRUSTED_PROXY": "127.0.0.0/8"})


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"X-Request-ID": MINE}, MINE),
        ({"X-Request-ID": f"{MINE[:8]}-{MINE[8:12]}-{MINE[12:16]}-{MINE[16:20]}-{MINE[20:]}"}, MINE),
        ({"Traceparent": f"00-{MINE}-{SPAN}-01", "X-Request-ID": OTHER}, MINE),
        ({"Traceparent": f"00-{'0' * 32}-{SPAN}-01", "X-Request-ID": OTHER}, OTHER),
        ({"X-Request-ID": "one of theirs"}, ""),
        ({}, ""),
    ],
)
def test_a_proxy_that_is_trusted_names_it(behind: Edge, django: StandIn, said: dict[str, str], known: str) -> None:
    answer = behind.http.get("/page", headers={"X-Forwarded-For": "192.0.2.7", **said})

    taken = answer.headers["x-request-id"]
    assert taken == known or (not known and re.fullmatch(r"[0-9a-f]{32}", taken))
    assert django.seen[-1].headers["x-request-id"] == [taken]
    if said.get("Traceparent", "").startswith(f"00-{MINE}"):
        assert traceparent(django) == said["Traceparent"]
    else:
        assert re.fullmatch(rf"00-{taken}-(?!{SPAN})[0-9a-f]{{16}}-01", traceparent(django))


def test_what_a_redirect_carries_counts_more_than_what_a_proxy_makes_for_each_request(
    behind: Edge, django: StandIn
) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Request-ID": OTHER, "Traceparent": f"00-{OTHER}-{SPAN}-01"}

    answer = behind.http.get(f"/generate{Address().path()}?rid={MINE}", headers=headers)

    assert answer.headers["x-request-id"] == MINE
    assert traceparent(django).startswith(f"00-{MINE}-")
