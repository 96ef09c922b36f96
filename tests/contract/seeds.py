"""Rows that are really there, so that made-up requests get far inside: of each kind that an address can name."""

from base64 import b64encode
from typing import Any
from uuid import uuid4

from tests.browser.staff import hire
from tests.conftest import Site
from tests.prescriptions.conftest import picture

SCOPES = "rx:read,rx:write,rx:erase,rx:override,rx:hold,rx:export,rx:review,webhooks:write,orders:write,ops:read"
SPECS = [
    *("thumb", "card", "preview", "full/max/0/default.jpg", "full/!90,90/90/gray.webp", "square/20,/0/default.png"),
    *("pct:10,10,50,50/10,/180/default.avif", "0,0,20,20/max/0/bitonal.png", "full/^500,/0/default.jpg"),
]


def plant(site: Site, *, each: int = 3) -> dict[str, Any]:
    """A client of its own: its token, and for each parameter of a path the values that mean something."""
    name = f"contract-{uuid4().hex[:8]}"
    hire(site, {name: "pharmacist"})
    token = site.manage("rxtoken", "create", "--name", name, "--scopes", SCOPES, "--user", name)
    bearer = {"Authorization": f"Bearer {token}"}

    def call(method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        answer = site.http.request(method, f"/api/v1{path}", headers=bearer | (headers or {}), **more)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    orders = [f"C-{uuid4().hex[:8]}" for _ in range(each)]
    rxs = []
    for number, order in enumerate(orders):
        lines = [{"name": "Amoxicillin", "quantity_ordered": 21, "schedule": "H"}]
        call("PUT", f"/orders/{order}", json={"lines": lines, "patient_ref": f"{order}-P"})
        for copy in range(2):
            files = [("files", ("a.png", picture(60 + number, 40 + copy)))]
            rxs.append(call("POST", "/prescriptions", files=files, data={"order_ref": order})["id"])
    # For what erases: the others stay.
    doomed = [f"D-{uuid4().hex[:8]}" for _ in range(each)]
    files = [("files", ("a.png", picture(50, 40)))]
    gone = [call("POST", "/prescriptions", files=files, data={"order_ref": order})["id"] for order in doomed]
    link = {"scope": "f", "expires_in": 3600}
    lent = [call("POST", f"/prescriptions/{rxs[0]}/links", json=link)["id"] for _ in range(each)]
    hooks = [
        call("POST", "/webhooks", json={"url": f"https://hook{number}.invalid/rx"})["id"] for number in range(each)
    ]
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "900"}
    pieces = [call("POST", "/uploads", headers=tus)["id"] for _ in range(each)]
    links = [call("POST", "/order-links", json={"order_ref": order})["id"] for order in orders]
    variant = f"/prescriptions/{rxs[0]}/pages/1/variants/full/33,/0/default.jpg"
    job = call("GET", variant, headers={"Prefer": "respond-async"})
    return {
        "token": token,
        "files": [b64encode(content).decode() for content in (picture(31, 30), picture(30, 31), b"%PDF-1.4", b"")],
        "doomed": {
            "rx": gone,
            "order_ref": doomed,
            "patient_ref": doomed,
            "webhook": hooks[:1],
            "lent": lent[:1],
            "link": links,
            "incoming": pieces[:1],
        },
        "paths": {
            "rx": rxs,
            "order_ref": orders,
            "lent": lent[1:],
            "webhook": hooks[1:],
            "link": links,
            "patient_ref": [f"{order}-P" for order in orders],
            "incoming": pieces[1:],
            "job": [job["id"]],
            "number": ["1", "2"],
            "spec": SPECS,
        },
    }
