"""A new pipeline, host after host, while people look: `p3` and what comes after it, whose pictures are negatives.

Each host's tree is a link that is changed, as deployments do; nginx stays and reads its configuration again.
"""

import io
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from PIL import Image, ImageStat

from tests.cluster.clients import Clients
from tests.cluster.hosts import EDGES, WORKERS, Host
from tests.deploy.engine.daemon import Failed
from tests.deploy.engine.journey import Lines, insist
from tests.deploy.engine.product import checkout
from transforms.version import PIPELINE

NEXT: Final = f"p{int(PIPELINE[1:]) + 1}"
_LAST_STEP: Final = '    ("quality", _turn),\n'
_NEGATIVE: Final = """
def _negative(work: _Work) -> None:
    work.image = work.image.point(lambda value: 255 - value)


# The phase that"""


def _next_tree(folder: Path) -> Path:
    tree = checkout(folder / NEXT)
    (tree / "node_modules").symlink_to(Path(__file__).parents[2] / "node_modules")
    version, render = tree / "transforms" / "version.py", tree / "transforms" / "render.py"
    version.write_text(version.read_text().replace(f'"{PIPELINE}"', f'"{NEXT}"'))
    text = render.read_text()
    insist(_LAST_STEP in text and "# The phase that" in text, "the steps of a render are written in another way")
    text = text.replace(_LAST_STEP, f'{_LAST_STEP}    ("quality", _negative),\n')
    render.write_text(text.replace("\n# The phase that", _NEGATIVE, 1))
    return tree


def is_negative(picture: bytes) -> bool:
    """Paper is bright."""
    return bool(ImageStat.Stat(Image.open(io.BytesIO(picture)).convert("L")).mean[0] < 128)


def upgrade(seen: Clients) -> Lines:
    """A host at a time. Each release keeps a worker until nobody asks for its pictures any more."""
    cluster = seen.cluster
    known = seen.upload("edge1")["pages"][0]["variants"]["preview"]
    for edge in EDGES:
        insist(not is_negative(seen.picture(edge, known)), "the old pipeline's picture is a negative already")
    tree = _next_tree(cluster.folder)
    with _looking(seen, known) as hits, _asking(seen) as misses:
        for name in (WORKERS[0], *EDGES, WORKERS[1]):
            began = time.monotonic()
            _move(cluster[name], tree)
            seen.all_ready()
            yield f"{name}: {NEXT} after {time.monotonic() - began:.1f} s"
    insist(not hits.faults, f"hits: {hits.faults}")
    yield f"hits meanwhile: {hits.good} good, of them {hits.negatives} {NEXT}; none failed"
    insist(not misses.faults, f"misses: {misses.faults}")
    yield f"first pictures meanwhile: {misses.good} good, of them {misses.negatives} {NEXT}; none failed"
    wrong, told = _wrong_objects(seen)
    yield f"objects by their keys: {dict(told)}; with pixels of another pipeline: {len(wrong)}"
    insist(not wrong, wrong)
    insist(all(is_negative(seen.look(edge, known)[-1].content) for edge in EDGES), "the upgrade did not arrive")


def _move(host: Host, tree: Path) -> None:
    host.move(tree)
    for server in ("worker", "beat") if host.name in WORKERS else ("generate", "web"):
        host.stack.restart(server)
    if host.name in EDGES:
        config = host.stack.state.tmpfs() / "nginx.conf"
        config.write_text(re.sub(rf"\b{PIPELINE}\b", NEXT, config.read_text()))
        host.stack.kill("edge", signal.SIGHUP)


class _Seen:
    """What somebody got who asked all the time."""

    def __init__(self) -> None:
        self.good = self.negatives = 0
        self.faults: Counter[str] = Counter()

    def note(self, picture: bytes) -> None:
        self.good += 1
        self.negatives += is_negative(picture)


@contextmanager
def _looking(seen: Clients, address: str) -> Iterator[_Seen]:
    """At one picture that has long been made, at both edges. Nobody comes again: every answer counts."""
    found = _Seen()

    def look(edge: str) -> None:
        with httpx.Client(timeout=30) as client:
            answer = client.get(seen.url(edge, address))
            while answer.is_redirect:
                answer = client.get(seen.url(edge, str(answer.next_request.url)))  # type: ignore[union-attr]
        if answer.status_code == 200:
            found.note(answer.content)
        else:
            found.faults[f"{edge}: {answer.status_code} {answer.text[:200]}"] += 1

    with _again_and_again(look, found, pause=0.05):
        yield found


@contextmanager
def _asking(seen: Clients) -> Iterator[_Seen]:
    """For first pictures, at either edge; whoever is told to come again does."""
    found = _Seen()

    def ask(edge: str) -> None:
        found.note(seen.look(edge, seen.upload(edge)["pages"][0]["variants"]["preview"])[-1].content)

    with _again_and_again(ask, found, pause=0.2):
        yield found


@contextmanager
def _again_and_again(act, found: _Seen, *, pause: float) -> Iterator[None]:  # type: ignore[no-untyped-def]
    end = threading.Event()

    def forever(edge: str) -> None:
        while not end.wait(pause):
            try:
                act(edge)
            except (httpx.HTTPError, Failed, OSError) as error:
                found.faults[f"{edge}: {type(error).__name__} {error}"[:300]] += 1

    threads = [threading.Thread(target=forever, args=(edge,), daemon=True) for edge in EDGES]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _wrong_objects(seen: Clients) -> tuple[list[str], Counter[str]]:
    """Objects whose key and pixels are of different pipelines; and how many there are of each."""
    s3 = seen.cluster["data"].stack.s3_client("web")
    wrong, told = [], Counter[str]()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="rx-variants"):
        for listed in page.get("Contents", []):
            pipeline = listed["Key"].split("/")[2]
            told[pipeline] += 1
            picture = s3.get_object(Bucket="rx-variants", Key=listed["Key"])["Body"].read()
            if is_negative(picture) != (pipeline == NEXT):
                wrong.append(listed["Key"])
    return wrong, told
