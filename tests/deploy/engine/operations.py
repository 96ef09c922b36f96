"""Building, starting and taking down, and what is looked at then."""

import json
import time
from typing import Final

from tests.deploy.engine.daemon import Engine
from tests.deploy.engine.journey import Lines, insist
from tests.deploy.engine.product import Product

PROJECT: Final = "prescription-variants"
_MOST_OURS_MB: Final = 381
_LONG_RUNNING: Final = {"nginx", "web", "generate", "worker", "beat", "postgres", "valkey", "seaweedfs", "s3"}


def forget_earlier(engine: Engine) -> None:
    """Containers, volumes and networks of a run that was killed; its images stay."""
    if containers := engine.run("docker", "ps", "--all", "--quiet").split():
        engine.run("docker", "rm", "--force", "--volumes", *containers)
    if volumes := engine.run("docker", "volume", "ls", "--quiet").split():
        engine.run("docker", "volume", "rm", *volumes)
    engine.run("docker", "network", "prune", "--force")


def build(product: Product) -> Lines:
    """The image, what of it is ours, and that no layer of ours knows a mirror or a secret."""
    began = time.monotonic()
    product.compose("build")
    yield f"docker compose build: {time.monotonic() - began:.0f} s"
    image = f"{PROJECT}:0.1.0"
    layers = json.loads(product.engine.run("docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    history = product.engine.run("docker", "history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image)
    base = product.engine.run("docker", "image", "inspect", "--format", "{{.Size}}", _base(product))
    whole = product.engine.run("docker", "image", "inspect", "--format", "{{.Size}}", image)
    ours = (int(whole) - int(base)) / 1e6
    insist(ours <= _MOST_OURS_MB, f"our layers: {ours:.0f} MB, not {_MOST_OURS_MB}\n{history}")
    look = "find / -xdev '(' -name .npmrc -o -name pip.conf -o -name .netrc -o -name .env ')'"
    nobody = ("--rm", "--network=none", "--user=0:0")
    left = product.engine.run("docker", "run", *nobody, image, "sh", "-c", look)
    # The stand-in of the base image knows how packages are reached; nothing of it is in a layer of ours.
    insist(set(left.split()) <= {"/etc/pip.conf"}, f"left in the image: {left}")
    yield f"{image}: {int(whole) / 1e6:.0f} MB, of it ours {ours:.0f} MB in {len(layers)} layers with the base's"


def telemetry(product: Product) -> Lines:
    """What sends traces and errors is in an image that asks for it, and in no other."""
    began = time.monotonic()
    more = f"{PROJECT}:telemetry"
    built = ("docker", "build", "--quiet", "--build-arg", "TELEMETRY=yes", "--target", "app", "--tag", more, ".")
    product.engine.run(*built, cwd=product.folder)
    took = time.monotonic() - began
    asked = (
        "from importlib.util import find_spec as f; print([bool(f(one)) for one in ('opentelemetry', 'sentry_sdk')])"
    )
    has = [
        product.engine.run("docker", "run", "--rm", "--network=none", image, "python", "-c", asked).strip()
        for image in (f"{PROJECT}:0.1.0", more)
    ]
    insist(has == ["[False, False]", "[True, True]"], has)
    yield f"--build-arg TELEMETRY=yes: {took:.0f} s; opentelemetry and sentry_sdk are there, and only there"


def _base(product: Product) -> str:
    lines = (product.folder / "Dockerfile").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("FROM python:"))


def up(product: Product) -> Lines:
    began = time.monotonic()
    product.up()
    states = {one["Service"]: (one["State"], one["Health"], one["ExitCode"]) for one in product.containers().values()}
    insist({name for name, state in states.items() if state[:2] == ("running", "healthy")} == _LONG_RUNNING, states)
    insist(all(state[2] == 0 for state in states.values()), states)
    yield f"docker compose up --detach --wait: {time.monotonic() - began:.0f} s, {len(_LONG_RUNNING)} services healthy"


def down(product: Product) -> Lines:
    """Nothing is left behind."""
    product.compose("down", "--volumes", "--remove-orphans")
    ask = product.engine.run
    left = [ask("docker", "ps", "--all", "--quiet"), ask("docker", "volume", "ls", "--quiet"),
            ask("docker", "network", "ls", "--quiet", "--filter", "type=custom")]  # fmt: skip
    insist(not any(left), f"left behind: {left}")
    yield "docker compose down --volumes: no container, volume or network left"
