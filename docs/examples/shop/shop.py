"""A small shop: a customer orders, sends a prescription on the pharmacy's own pages, and sees here what was decided.

It asks nobody again and again: a webhook tells it what happens. README.md says how to run it.
"""

import argparse
import os
import secrets
import signal
import sys
import threading
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rxclient import ApiError, Client, Event, Line, verify
from rxclient.webhooks import WebhookVerificationError

CART: list[dict[str, Any]] = [
    {"name": "Telmisartan", "strength": "40 mg", "schedule": "H", "quantity_ordered": 30},
    {"name": "Metformin SR", "strength": "500 mg", "schedule": "H", "quantity_ordered": 60},
]
WORDS = {
    "new": "We wait for your prescription.",
    "received": "Your prescription is with the pharmacist.",
    "in_review": "A pharmacist is looking at it.",
    "question": "The pharmacist has a question. Your order waits for your answer.",
    "answered": "Your answer is with the pharmacist.",
    "approved": "Approved: your order is on its way.",
    "partially_approved": "A part of it is approved, and on its way.",
    "rejected": "The prescription was not accepted.",
    "reopened": "The pharmacist looks at it once more. Nothing is sent until then.",
    "expired": "The prescription is no longer valid.",
    "erased": "Your prescription was erased.",
}


@dataclass
class Order:
    """What this shop knows of an order: `rx` is its newest prescription, `lines` what was decided on each medicine."""

    ref: str
    status: str = "new"
    rx: str = ""
    lines: list[Line] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


class Shop:
    """A real shop keeps this in its database: the order, and ids of the events that it has seen."""

    def __init__(self, rx: Client, public: str) -> None:
        self.rx, self.public = rx, public
        self.orders: dict[str, Order] = {}
        self.seen: set[str] = set()
        self.secret = ""
        self.lock = threading.Lock()

    def order(self, prefix: str) -> str:
        """A new order; where its customer goes now."""
        order = Order(f"{prefix}{secrets.token_hex(4)}")
        self.rx.put_order(order.ref, lines=CART, return_url=f"{self.public}/back")
        with self.lock:
            self.orders[order.ref] = order
        return self.link(order)

    def link(self, order: Order) -> str:
        """To the pharmacy's page of an order. Made when it is needed: it is a key."""
        return self.rx.order_link(order.ref)["url"]

    def told(self, event: Event) -> None:
        """Something happened. It may be told twice, and then changes nothing."""
        data = event["data"]
        with self.lock:
            order = self.orders.get(data.get("order_ref", "")) or self._of(data.get("prescription", ""))
            if order is None or event["id"] in self.seen:
                return
            what = event["type"].partition(".")[2]
            if what in WORDS and (what == "received" or data["prescription"] == order.rx):
                if what == "received":
                    order.rx = data["prescription"]  # the newest counts; it may replace one that was asked about
                if what in ("approved", "partially_approved", "rejected"):
                    order.lines = self.rx.prescription(order.rx)["lines"]
                order.status = what  # last: its page shows both
            order.told.append(event["type"])
            self.seen.add(event["id"])

    def erase(self, order: Order) -> None:
        """The customer cancels, and nothing was sent yet: everything that they sent goes. That it is gone is an event.

        An approved prescription has to be kept by law (409 `kept`), except where nothing was supplied on it.
        """
        for sent in self.rx.call("GET", f"/orders/{order.ref}")["prescriptions"]:
            try:
                self.rx.erase(sent["id"])
            except ApiError as refused:
                if refused.code != "kept":
                    raise
                because = {"override": "not-supplied", "reference": order.ref}
                self.rx.call("DELETE", f"/prescriptions/{sent['id']}", params=because)

    def _of(self, rx: str) -> Order | None:
        """Of an erased one there is no reference any more."""
        return next((order for order in self.orders.values() if rx and order.rx == rx), None)


def page(title: str, body: str) -> bytes:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    text = f'<!doctype html><html lang="en"><head>{head}<title>{title}</title></head><body><h1>{title}</h1>{body}'
    return f"{text}</body></html>".encode()


def button(address: str, label: str) -> str:
    return f'<form method="post" action="{escape(address)}"><button>{label}</button></form>'


def cart() -> bytes:
    rows = "".join(f"<li>{line['name']} {line['strength']} × {line['quantity_ordered']}</li>" for line in CART)
    return page("Your cart", f"<ul>{rows}</ul>{button('/order', 'Order')}")


def told(order: Order) -> bytes:
    rows = "".join(f"<li>{escape(line['name'])}: {escape(line['decision'])}</li>" for line in order.lines)
    here = f"/orders/{order.ref}"
    happened = "".join(f"<li>{escape(what)}</li>" for what in order.told)
    body = f'<p id="status">{WORDS[order.status]}</p><ul>{rows}</ul><ol>{happened}</ol>'
    if order.status in ("question", "rejected", "new", "expired"):
        body += button(f"{here}/go", "Go to the pharmacy")
    if order.rx and order.status != "erased":
        body += button(f"{here}/erase", "Cancel, and erase my prescription")
    return page(f"Order {order.ref}", body)


class Site(BaseHTTPRequestHandler):
    """Pages of the shop, and the address that is told of events."""

    shop: Shop
    prefix: str

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/":
            self._answer(200, cart())
        elif address.path == "/back":
            # `status` is a hint that anybody could have typed: what is shown is what we were told.
            order = self.shop.orders.get(parse_qs(address.query).get("order_ref", [""])[0])
            self._redirect(f"/orders/{order.ref}" if order else "/")
        elif order := self._order():
            self._answer(200, told(order))
        else:
            self._answer(404, page("There is nothing here", ""))

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        order = self._order()
        if self.path == "/rx-events":
            self._take(body)
        elif self.path == "/order":
            self._redirect(self.shop.order(self.prefix))
        elif order and self.path.endswith("/go"):
            self._redirect(self.shop.link(order))
        elif order and order.rx and self.path.endswith("/erase"):
            self.shop.erase(order)
            self._redirect(f"/orders/{order.ref}")
        else:
            self._answer(404, page("There is nothing here", ""))

    def _take(self, body: bytes) -> None:
        try:
            event = verify(self.shop.secret, dict(self.headers), body)
        except WebhookVerificationError:
            self._answer(401)
            return
        self.shop.told(event)
        self._answer(204)

    def _order(self) -> Order | None:
        parts = urlsplit(self.path).path.split("/")
        return self.shop.orders.get(parts[2]) if len(parts) > 2 and parts[1] == "orders" else None

    def _redirect(self, address: str) -> None:
        self.send_response(303)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rx", default="http://127.0.0.1:8000", help="the pharmacy's address")
    parser.add_argument("--public", default="https://shop.example", help="where people reach this shop: https")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--prefix", default="sandbox-ask-partial-", help="what references begin with")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Client(asked.rx, os.environ["RX_TOKEN"]) as rx:
        Site.shop, Site.prefix = Shop(rx, asked.public), asked.prefix
        server = ThreadingHTTPServer(("127.0.0.1", asked.port), Site)
        hook = rx.create_webhook(f"http://127.0.0.1:{server.server_port}/rx-events")
        Site.shop.secret = hook.get("secret") or ""
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            rx.call("DELETE", f"/webhooks/{hook['id']}")


if __name__ == "__main__":
    main()
