"""Two hundred clients at each of two edges, all at one cold address."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from bench.stampede import CASES, Served, client
from tests.cluster.clients import Clients
from tests.cluster.hosts import EDGES
from tests.deploy.engine.journey import Lines, insist

CLIENTS = 200  # at each edge


async def _rush(hosts: list[str], path: str, clients: int) -> list[Served]:
    everybody = clients * len(hosts)
    ready = asyncio.Barrier(everybody)
    started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    rushing = (client(host, path, ready, started) for host in hosts for _ in range(clients))
    return await asyncio.gather(*rushing)


def rush(seen: Clients, spec: str, *, clients: int, megapixels: float = 12) -> dict[str, Any]:
    """What a new prescription's first picture costs when so many clients of each edge ask at once."""
    body = seen.upload("edge1", megapixels)
    path = seen.address(body, spec)
    served = asyncio.run(_rush([urlsplit(seen.cluster[edge].base).netloc for edge in EDGES], path, clients))
    times = [one.seconds * 1000 for one in served]
    (state, attempts, variant), *others = seen.rows_of(body["id"])
    insist(state == "ready" and not others, f"{state} after {attempts} attempts; others: {others}")
    told = seen.made(variant)
    for edge in EDGES:
        seen.picture(edge, path)
    return {
        "clients": len(served),
        "renders": len(told),
        "puts": sum("put" in line["timings"] for line in told),
        "objects": len(seen.objects(body["id"])),
        "errors": sum(one.status != 200 for one in served),
        "first ms": min(times),
        "last ms": max(times),
        "apart ms": max(times) - min(times),
        "last / first": max(times) / min(times),
        "render ms": told[0]["ms"] if told else None,
        "row": state,
    }


def stampede(seen: Clients, figures: dict[str, Any]) -> Lines:
    """One render, one put, no error: whatever the number of hosts."""
    rush(seen, CASES["1080 px, webp"], clients=32)  # starts what is started on first use
    for name, spec in CASES.items():
        found = rush(seen, spec, clients=CLIENTS)
        figures[name] = found
        yield f"{name}: {_words(found)}"
        insist((found["renders"], found["puts"], found["objects"], found["errors"]) == (1, 1, 1, 0), found)


def _words(found: dict[str, Any]) -> str:
    told = {name: value for name, value in found.items() if isinstance(value, int | float)}
    return ", ".join(f"{name} {value:.3g}" if value < 10 else f"{name} {value:.0f}" for name, value in told.items())
