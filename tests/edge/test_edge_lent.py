"""Links that can be taken back, at the edge: what Django said of them comes before what is remembered of a picture."""

import pytest

from tests.edge.servers import Address, Edge, StandIn, StartEdge, Store, mint
from tests.waiting import free_port, until

ID = "00aa11bb22cc"


@pytest.fixture(autouse=True)
def _says_it_in_a_header(django: StandIn) -> None:
    django.body = b""


def targets(django: StandIn) -> list[str]:
    return [seen.target for seen in django.seen]


@pytest.fixture
def fresh(start_edge: StartEdge) -> Edge:
    """An edge to which nothing was said yet."""
    return start_edge()


def lent(store: Store, name: str = ID) -> str:
    """The address of a picture that is in S3, by a link with this id."""
    address = Address()
    store.put(address.key, b"the picture")
    return address.path(mint(address.rx, scope=f"f{name}"))


def test_django_is_asked_once_and_its_word_is_good_for_a_while(fresh: Edge, store: Store, django: StandIn) -> None:
    path, another = lent(store), lent(store, "ffffffffffff")
    django.status, django.headers = 204, {"X-Rx-Cut": "-"}

    answers = [fresh.http.get(path) for _ in range(3)] + [fresh.http.head(another)]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert answers[0].content == b"the picture"
    assert [fresh.log(answer)["cache"] for answer in answers[:3]] == ["MISS", "HIT", "HIT"]
    assert targets(django) == ["/-link"]
    (seen,) = django.seen
    assert seen.headers["x-rx-link"] == [ID]
    assert not {"cookie", "authorization", "range"} & set(seen.headers)
    assert not [name for answer in answers for name in answer.headers if "rx-cut" in name]


def test_what_was_taken_back_is_refused_although_it_is_remembered(fresh: Edge, store: Store, django: StandIn) -> None:
    path, another = lent(store), lent(store, "ffffffffffff")
    # given a picture that is remembered, while more were taken back than can be said: each time is asked for
    django.status, django.headers = 204, {"X-Rx-Cut": "*"}
    assert [fresh.http.get(path).status_code for _ in range(2)] == [200, 200]
    assert targets(django) == ["/-link", "/-link"]

    # when it is taken back
    django.status, django.headers = 403, {"X-Rx-Cut": ID}
    told = fresh.http.get(path)

    # then it opens nothing, and nobody is asked again; others do
    assert (told.status_code, told.json()["type"]) == (403, "/docs/problems#link-refused")
    assert told.headers["access-control-allow-origin"] == "*"
    django.status = 204
    assert fresh.http.get(path).status_code == 403
    assert fresh.http.get(another).status_code == 200
    assert len(targets(django)) == 3


@pytest.mark.slow
def test_it_is_told_beside_the_requests(fresh: Edge, store: Store, django: StandIn) -> None:
    """The one test that takes the ten seconds after which an edge asks again."""
    path = lent(store)
    django.status, django.headers = 204, {"X-Rx-Cut": "-"}
    assert fresh.http.get(path).status_code == 200
    # when it is taken back, while it is looked at all the time
    django.headers, django.delay = {"X-Rx-Cut": f"0123456789ab {ID}"}, 0.2
    answers = []

    def look() -> bool:
        answers.append(fresh.http.get(path))
        return answers[-1].status_code == 403

    until(look, "the news")

    # then no request but the refused one was another than a hit: whoever was there when it was asked for did not wait
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert {fresh.log(answer)["cache"] for answer in answers[:-1]} == {"HIT"}
    assert targets(django) == ["/-link", "/-link"]


def test_a_forged_one_asks_nobody(fresh: Edge, django: StandIn) -> None:
    address = Address()
    for token in (
        f"k1.zzzzzz.f{ID}." + "A" * 22,
        mint(address.rx, scope=f"f{ID}", ttl=-10),
        mint("0" * 32, scope=f"f{ID}"),
    ):
        assert fresh.http.get(address.path(token)).status_code == 403

    assert django.seen == []


def test_where_nobody_can_say_it_nothing_is_shown(start_edge: StartEdge, store: Store) -> None:
    edge = start_edge(web=f"127.0.0.1:{free_port()}")

    answer = edge.http.get(lent(store))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("target", ["/-link", "/-links", "/-link?x"])
def test_nobody_outside_asks_that(edge: Edge, django: StandIn, target: str) -> None:
    assert edge.http.get(target).status_code == 404
    assert django.seen == []


def test_links_without_an_id_ask_nobody(fresh: Edge, store: Store, django: StandIn) -> None:
    address = Address()
    store.put(address.key, b"the picture")

    assert [fresh.http.get(address.path()).status_code for _ in range(2)] == [200, 200]
    assert django.seen == []
