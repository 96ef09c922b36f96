"""Every operation as a flow. The clients give each a method of the same name."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

import httpx

from rxclient import uploading
from rxclient.answers import EventPage, Order, OrderLink, Prescription, Variant, Webhook
from rxclient.errors import Late
from rxclient.flows import Ask, Flow, Pause, read, send
from rxclient.retries import Retries
from rxclient.uploading import Source

_V1 = "/api/v1"
_JSON = {"Accept": "application/json"}
# Nothing more will happen by itself.
DECIDED = frozenset({"approved", "partially_approved", "rejected", "expired", "withdrawn", "erased"})
Until = Callable[[Prescription], bool]


def decided(prescription: Prescription) -> bool:
    return prescription["status"] in DECIDED


def references(order_ref: str, patient_ref: str) -> dict[str, str]:
    return {name: value for name, value in (("order_ref", order_ref), ("patient_ref", patient_ref)) if value}


class Calls:
    """`retries`: of each request by itself."""

    def __init__(self, retries: Retries) -> None:
        self.retries = retries

    def upload(
        self, sources: Sequence[Source], given: dict[str, str], key: str | None, large: int
    ) -> Flow[Prescription]:
        answer = yield from uploading.prescription(sources, given, self.retries, key=key, large=large)
        return cast("Prescription", answer.json())

    def prescription(self, rx: str) -> Flow[Prescription]:
        return self._read("GET", f"/prescriptions/{rx}")

    def answer(self, rx: str, text: str, question: int | None) -> Flow[Prescription]:
        body: dict[str, Any] = {"text": text} | ({} if question is None else {"question": question})
        return self._read("POST", f"/prescriptions/{rx}/answer", json=body)

    def withdraw(self, rx: str) -> Flow[Prescription]:
        return self._read("POST", f"/prescriptions/{rx}/withdraw")

    def erase(self, rx: str) -> Flow[None]:
        yield from send(Ask("DELETE", f"{_V1}/prescriptions/{rx}"), self.retries)

    def put_order(self, order_ref: str, fields: Mapping[str, Any]) -> Flow[Order]:
        return self._read("PUT", f"/orders/{quote(order_ref, safe='')}", json=dict(fields))

    def order_link(self, order_ref: str, fields: Mapping[str, Any]) -> Flow[OrderLink]:
        return self._read("POST", "/order-links", json={"order_ref": order_ref, **fields})

    def variant(self, rx: str, page: int, spec: str) -> Flow[Variant]:
        path = f"/prescriptions/{rx}/pages/{page}/variants/{quote(spec, safe='/,!^:.')}"
        return self._read("GET", path, headers=_JSON)

    def fetch(self, variant: Variant) -> Flow[bytes]:
        answer = yield from send(Ask("GET", variant["url"]), self.retries)
        return answer.content

    def picture(self, rx: str, page: int, spec: str) -> Flow[bytes]:
        variant = yield from self.variant(rx, page, spec)
        return (yield from self.fetch(variant))

    def event_page(self, after: int, types: Sequence[str], limit: int) -> Flow[EventPage]:
        params = {"after": after, "limit": limit} | ({"types": ",".join(types)} if types else {})
        return self._read("GET", "/events", params=params)

    def create_webhook(self, url: str, types: Sequence[str]) -> Flow[Webhook]:
        return self._read("POST", "/webhooks", json={"url": url} | ({"types": list(types)} if types else {}))

    def call(self, method: str, path: str, more: Mapping[str, Any]) -> Flow[Any]:
        return self._read(method, path, **more)

    def wait(self, rx: str, until: Until, seconds: float, every: float, after: int | None) -> Flow[Prescription]:
        """By event where `after` is a position in the feed, else by asking whether it has changed."""
        ends = time.monotonic() + seconds
        etag, told = "", True
        current: Prescription | None = None
        while True:
            if told:
                ask = Ask("GET", f"{_V1}/prescriptions/{rx}", headers={"If-None-Match": etag} if etag else {})
                answer = yield from send(ask, self.retries, good=(304,))
                if answer.status_code != httpx.codes.NOT_MODIFIED:
                    current, etag = cast("Prescription", answer.json()), answer.headers.get("ETag", "")
                assert current is not None
                if until(current):
                    return current
            if time.monotonic() + every > ends:
                raise Late(f"{rx} is {current['status'] if current else 'unknown'} after {seconds:g} seconds")
            if after is None:
                yield Pause(every)
            else:
                page = yield from self.event_page(after, (), 500)
                after = page["next"]
                told = any(event["data"].get("prescription") == rx for event in page["events"])
                if not told and not page["more"]:
                    yield Pause(every)

    def _read(self, method: str, path: str, **more: Any) -> Flow[Any]:
        return read(Ask(method, _V1 + path, **more), self.retries)
