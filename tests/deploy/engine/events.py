"""What happens to it later: more of it, kills, a new version, new secrets, a back-up and its restore."""

import os
import re
import secrets
import signal
import time

from tests.deploy.engine.journey import Journey, Lines, insist
from tests.deploy.engine.probe import Probe
from tests.deploy.engine.product import Product

_API_AWAY_SECONDS = 2.0


def scale(product: Product, seen: Journey) -> Lines:
    """A second worker takes a share."""
    product.up("--no-recreate", "--scale", "worker=2", "worker")
    for _ in range(6):
        yield from seen.prescription()
    workers = [name for name, one in product.containers().items() if one["Service"] == "worker"]
    logs = {name: product.engine.ask("docker", "logs", name) for name in workers}
    shares = {name: (said.stdout + said.stderr).count('"outcome"') for name, said in logs.items()}
    insist(len(shares) == 2, shares)
    yield f"variants made: {shares}"
    product.up("--no-recreate", "--scale", "worker=1", "worker")


def kills(product: Product, seen: Journey) -> Lines:
    """kill -9 of the first process of each container: Docker starts it again, and nothing is lost."""
    for name, one in sorted(product.containers().items()):
        if one["State"] != "running":
            continue
        pid = product.engine.run("docker", "inspect", "--format", "{{.State.Pid}}", name).strip()
        began = time.monotonic()
        os.kill(int(pid), signal.SIGKILL)
        while not (_healthy(product, name, pid) and product.ready()):
            insist(time.monotonic() - began < 60, f"{name} was not back within 60 s")
            time.sleep(0.25)
        yield f"{one['Service']}: back after {time.monotonic() - began:.1f} s"
    yield from seen.prescription()
    yield from seen.everything_is_there()


def _healthy(product: Product, name: str, killed: str) -> bool:
    asked = ("docker", "inspect", "--format", "{{.State.Pid}} {{.State.Health.Status}}", name)
    said = product.engine.ask(*asked).stdout.split()
    return len(said) == 2 and said[0] != killed and said[1] == "healthy"


def upgrade(product: Product, seen: Journey) -> Lines:
    """A second tag by upgrade.sh, while somebody looks at a picture and somebody else asks the API."""
    product.set(IMAGE_TAG="0.1.1-next")
    # Something that the application's image has and that nobody reads.
    (product.folder / "docs/reference/problems.md").open("a").write("\n")
    page = f"{product.base}/api/v1/prescriptions"
    with Probe("hits", next(iter(seen.pictures))) as hits, Probe("API", page, seen.token) as api:
        began = time.monotonic()
        product.engine.run("sh", "deploy/compose/upgrade.sh", cwd=product.folder)
        took = time.monotonic() - began
    tags = {one["Image"].split(":")[1] for one in product.containers().values() if one["Service"] == "web"}
    insist(tags == {"0.1.1-next"}, tags)
    yield f"{took:.0f} s; {hits}; {api}"
    if hits.failed or api.away > _API_AWAY_SECONDS:
        refused = """grep -h '"status":50' /var/log/rx/access.log* | tail -n 10"""
        yield from product.inside("nginx", "sh", "-c", refused).splitlines()
    insist(api.away <= _API_AWAY_SECONDS, f"the API was away for {api.away:.1f} s")
    insist(hits.failed == 0, f"hits failed for {hits.away:.1f} s")
    yield from seen.prescription()
    yield from seen.everything_is_there()


def rotation(product: Product, seen: Journey) -> Lines:
    """A new value for every secret, as the how-to's table says."""
    old = product.settings()
    fresh = {name: secrets.token_hex(32) for name, value in old.items() if re.fullmatch(r"[0-9a-f]{64}", value)}
    fresh["RX_SECRET_KEY_FALLBACKS"] = old["RX_SECRET_KEY"]
    for name, kid in (("RX_LINK_KEYS", "k2"), ("RX_AUDIT_KEYS", "a2")):
        fresh[name] = f"{kid}:{secrets.token_hex(32)},{old[name]}"
    statement = f"ALTER ROLE rx PASSWORD '{fresh['POSTGRES_PASSWORD']}'"
    product.inside("postgres", "psql", "--username=rx", "--quiet", f"--command={statement}")
    product.set(**fresh)
    product.up()
    yield f"new: {', '.join(sorted(fresh))}"
    yield from seen.prescription()
    yield from seen.everything_is_there()
    product.inside("web", "python", "manage.py", "rxaudit", "verify")
    yield "rxaudit verify: the chain holds under both keys"


def certificates(product: Product, seen: Journey) -> Lines:
    """New certificates, then a new authority, as the how-to says."""
    run = ("run", "--rm", "--no-deps", "-T", "certificates")
    for word, told in (("renew", ("postgres", "valkey", "seaweedfs", "s3", "beat")), ("authority", ())):
        made = product.compose(*run, word).strip().splitlines()
        began = time.monotonic()
        product.compose("restart", *told)
        product.up()
        while not product.ready():
            insist(time.monotonic() - began < 120, f"not ready 120 s after {word}")
            time.sleep(0.5)
        yield f"{word}: {len(made)} files; ready {time.monotonic() - began:.0f} s after the restart began"
        yield from seen.prescription()
        yield from seen.everything_is_there()


def back_up_and_restore(product: Product, seen: Journey) -> Lines:
    """backup.sh while it serves; all volumes destroyed; restore.sh; the same bytes."""
    product.engine.run("sh", "deploy/compose/backup.sh", "backup", cwd=product.folder)
    files = sorted((product.folder / "backup").iterdir())
    insist(all(file.stat().st_mode & 0o077 == 0 for file in files), files)
    yield "back-up while it serves: " + ", ".join(f"{file.name} {file.stat().st_size}" for file in files)
    product.compose("down", "--volumes")
    product.engine.run("sh", "deploy/compose/restore.sh", "backup", cwd=product.folder)
    yield "all volumes destroyed, and restored"
    end = time.monotonic() + 90
    while not product.ready():
        insist(time.monotonic() < end, "not ready 90 s after a restore")
        time.sleep(1)
    yield from seen.everything_is_there()
    yield from seen.prescription()


EVENTS = (scale, kills, upgrade, rotation, certificates, back_up_and_restore)
