"""The two clients: the same methods, one waits and one awaits."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from rxclient import uploading
from rxclient.answers import Event, EventPage, Order, OrderLink, Prescription, Variant, Webhook
from rxclient.calls import Calls, Until, decided, references
from rxclient.cursors import Cursor
from rxclient.flows import Answer, Ask, Flow, Pause, Trouble
from rxclient.retries import Retries
from rxclient.uploading import Source

T = TypeVar("T")
_AGENT = "rxclient/1.0"


def _keywords(ask: Ask, token: str) -> dict[str, Any]:
    """What httpx is asked. An address of its own is a link: it needs no token, and gets none."""
    elsewhere = ask.path.startswith("http")
    headers = {**ask.headers} if elsewhere else {"Authorization": f"Bearer {token}", **ask.headers}
    return {
        "method": ask.method,
        "url": ask.path,
        "json": ask.json,
        "content": ask.content,
        "params": ask.params,
        "headers": headers,
        "files": list(ask.files) or None,
        "data": ask.data,
        "follow_redirects": elsewhere,
    }


class Client:
    """`base_url` as `https://rx.example.org`. `large`: from so many bytes on a file goes in pieces.

    Every POST has an Idempotency-Key, and whatever may be sent again is, by `retries`. All methods raise ApiError and
    httpx.TransportError. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        retries: Retries | None = None,
        timeout: float = 60,
        large: int = uploading.LARGE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._calls = Calls(retries or Retries())
        self._token, self._large = token, large
        headers = {"User-Agent": _AGENT}
        self._http = httpx.Client(base_url=base_url, timeout=timeout, headers=headers, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def upload(
        self, *files: Source, order_ref: str = "", patient_ref: str = "", idempotency_key: str | None = None
    ) -> Prescription:
        """One prescription of these files: paths, or names with bytes. Give it your own key if your program may die
        and send it again.
        """
        given = references(order_ref, patient_ref)
        return self._run(self._calls.upload(files, given, idempotency_key, self._large))

    def prescription(self, rx: str) -> Prescription:
        return self._run(self._calls.prescription(rx))

    def answer(self, rx: str, text: str, *, question: int | None = None) -> Prescription:
        """The customer's answer; `question`: the id of the one that it is to."""
        return self._run(self._calls.answer(rx, text, question))

    def withdraw(self, rx: str) -> Prescription:
        return self._run(self._calls.withdraw(rx))

    def erase(self, rx: str) -> None:
        self._run(self._calls.erase(rx))

    def put_order(self, order_ref: str, **fields: Any) -> Order:
        """`lines`, `patient_ref`, `return_url`, `language`, `promised_by`; what is left out stays as it is."""
        return self._run(self._calls.put_order(order_ref, fields))

    def order_link(self, order_ref: str, **fields: Any) -> OrderLink:
        """A link for the order's customer: `expires_in` (seconds), `patient_ref`, `scope`."""
        return self._run(self._calls.order_link(order_ref, fields))

    def variant(self, rx: str, page: int, spec: str) -> Variant:
        """Where a variant is, once there. `spec`: a preset, or `{region}/{size}/{rotation}/{quality}.{format}`."""
        return self._run(self._calls.variant(rx, page, spec))

    def fetch(self, variant: Variant) -> bytes:
        """Its bytes."""
        return self._run(self._calls.fetch(variant))

    def picture(self, rx: str, page: int, spec: str) -> bytes:
        """A variant's bytes, made now if nobody asked for it before."""
        return self._run(self._calls.picture(rx, page, spec))

    def wait(
        self, rx: str, *, until: Until = decided, seconds: float = 300, every: float = 2, after: int | None = None
    ) -> Prescription:
        """The prescription as soon as `until` is true of it; raises Late. It is asked for every so many seconds; with
        `after`, a position in the feed of events, only when the feed has told of it.
        """
        return self._run(self._calls.wait(rx, until, seconds, every, after))

    def event_page(self, after: int = 0, *, types: Sequence[str] = (), limit: int = 100) -> EventPage:
        return self._run(self._calls.event_page(after, types, limit))

    def events(
        self, cursor: Cursor, *, types: Sequence[str] = (), follow: bool = False, every: float = 2
    ) -> Iterator[Event]:
        """Every event behind the cursor, in order; with `follow` also those to come, looked for every so many seconds.

        The cursor moves on when you ask for the next event. Whoever dies with one in hand gets it again: go by its id.
        """
        after = cursor.load()
        while True:
            page = self.event_page(after, types=types)
            for event in page["events"]:
                yield event
                cursor.save(event["position"])
            if page["next"] != after:
                after = page["next"]
                cursor.save(after)
            if not page["more"]:
                if not follow:
                    return
                time.sleep(every)

    def create_webhook(self, url: str, *, types: Sequence[str] = ()) -> Webhook:
        """Its `secret` is shown now and never again."""
        return self._run(self._calls.create_webhook(url, types))

    def call(self, method: str, path: str, **more: Any) -> Any:
        """Any other operation: `call("GET", "/catalogue")`, `call("POST", "/exports", json=...)`."""
        return self._run(self._calls.call(method, path, more))

    def _run(self, flow: Flow[T]) -> T:
        answer: Answer = None
        try:
            while True:
                step = flow.send(answer)
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    answer = None
                    continue
                try:
                    answer = self._http.request(**_keywords(step, self._token))
                except httpx.TransportError as error:
                    answer = Trouble(error)
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            flow.close()


class AsyncClient:
    """`base_url` as `https://rx.example.org`. `large`: from so many bytes on a file goes in pieces.

    Every POST has an Idempotency-Key, and whatever may be sent again is, by `retries`. All methods raise ApiError and
    httpx.TransportError. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        retries: Retries | None = None,
        timeout: float = 60,
        large: int = uploading.LARGE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._calls = Calls(retries or Retries())
        self._token, self._large = token, large
        headers = {"User-Agent": _AGENT}
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout, headers=headers, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def upload(
        self, *files: Source, order_ref: str = "", patient_ref: str = "", idempotency_key: str | None = None
    ) -> Prescription:
        """One prescription of these files: paths, or names with bytes. Give it your own key if your program may die
        and send it again.
        """
        given = references(order_ref, patient_ref)
        return await self._run(self._calls.upload(files, given, idempotency_key, self._large))

    async def prescription(self, rx: str) -> Prescription:
        return await self._run(self._calls.prescription(rx))

    async def answer(self, rx: str, text: str, *, question: int | None = None) -> Prescription:
        """The customer's answer; `question`: the id of the one that it is to."""
        return await self._run(self._calls.answer(rx, text, question))

    async def withdraw(self, rx: str) -> Prescription:
        return await self._run(self._calls.withdraw(rx))

    async def erase(self, rx: str) -> None:
        await self._run(self._calls.erase(rx))

    async def put_order(self, order_ref: str, **fields: Any) -> Order:
        """`lines`, `patient_ref`, `return_url`, `language`, `promised_by`; what is left out stays as it is."""
        return await self._run(self._calls.put_order(order_ref, fields))

    async def order_link(self, order_ref: str, **fields: Any) -> OrderLink:
        """A link for the order's customer: `expires_in` (seconds), `patient_ref`, `scope`."""
        return await self._run(self._calls.order_link(order_ref, fields))

    async def variant(self, rx: str, page: int, spec: str) -> Variant:
        """Where a variant is, once there. `spec`: a preset, or `{region}/{size}/{rotation}/{quality}.{format}`."""
        return await self._run(self._calls.variant(rx, page, spec))

    async def fetch(self, variant: Variant) -> bytes:
        """Its bytes."""
        return await self._run(self._calls.fetch(variant))

    async def picture(self, rx: str, page: int, spec: str) -> bytes:
        """A variant's bytes, made now if nobody asked for it before."""
        return await self._run(self._calls.picture(rx, page, spec))

    async def wait(
        self, rx: str, *, until: Until = decided, seconds: float = 300, every: float = 2, after: int | None = None
    ) -> Prescription:
        """The prescription as soon as `until` is true of it; raises Late. It is asked for every so many seconds; with
        `after`, a position in the feed of events, only when the feed has told of it.
        """
        return await self._run(self._calls.wait(rx, until, seconds, every, after))

    async def event_page(self, after: int = 0, *, types: Sequence[str] = (), limit: int = 100) -> EventPage:
        return await self._run(self._calls.event_page(after, types, limit))

    async def events(
        self, cursor: Cursor, *, types: Sequence[str] = (), follow: bool = False, every: float = 2
    ) -> AsyncIterator[Event]:
        """Every event behind the cursor, in order; with `follow` also those to come, looked for every so many seconds.

        The cursor moves on when you ask for the next event. Whoever dies with one in hand gets it again: go by its id.
        """
        after = cursor.load()
        while True:
            page = await self.event_page(after, types=types)
            for event in page["events"]:
                yield event
                cursor.save(event["position"])
            if page["next"] != after:
                after = page["next"]
                cursor.save(after)
            if not page["more"]:
                if not follow:
                    return
                await asyncio.sleep(every)

    async def create_webhook(self, url: str, *, types: Sequence[str] = ()) -> Webhook:
        """Its `secret` is shown now and never again."""
        return await self._run(self._calls.create_webhook(url, types))

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Any other operation: `call("GET", "/catalogue")`, `call("POST", "/exports", json=...)`."""
        return await self._run(self._calls.call(method, path, more))

    async def _run(self, flow: Flow[T]) -> T:
        answer: Answer = None
        try:
            while True:
                step = flow.send(answer)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    answer = None
                    continue
                try:
                    answer = await self._http.request(**_keywords(step, self._token))
                except httpx.TransportError as error:
                    answer = Trouble(error)
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            flow.close()
