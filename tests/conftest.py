"""The servers that tests talk to: one real stack for the whole run, and Django in this process pointed at it."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.config import Config
from django.db import connection

from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from rxproject.local.stack.view import View
from tests import memory, scheduling
from tests.commands import Commands
from tests.databases import database, migrated, postgresql  # noqa: F401
from tests.shared_stack import OVERRIDES, SharedStack, attach
from tests.waiting import insist

PROJECT = Path(__file__).resolve().parents[1]
# Whose prescriptions this process uploads.
CLIENT = f"tests-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
_folder, _stack = pytest.StashKey[Path](), pytest.StashKey[SharedStack]()


# --- The run: a folder that its processes share, a stack beside it, and who runs which tests ------------------------
def pytest_configure(config: pytest.Config) -> None:
    if given := getattr(config, "workerinput", {}).get("folder"):
        config.stash[_folder] = Path(given)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Before a worker starts, in the process that hands out the tests: the stack starts while workers collect."""
    stash = node.config.stash
    if _stack not in stash:
        stash[_folder] = Path(tempfile.mkdtemp(prefix="rx-run-", dir=memory.FOLDER))
        stash[_stack] = SharedStack(stash[_folder])
    node.workerinput["folder"] = str(stash[_folder])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduling.scheduler(config, log, config.stash[_folder])


def pytest_unconfigure(config: pytest.Config) -> None:
    if stack := config.stash.get(_stack, None):
        stack.stop()
        shutil.rmtree(config.stash[_folder], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    scheduling.arrange(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if folder := session.config.stash.get(_folder, None):
        scheduling.write_down(session.items, folder)


# --- Servers --------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """Every server of the project, real, on free ports: SeaweedFS, Valkey, two gunicorns, worker, beat, nginx.

    All workers of the run use it, and nobody may kill, stop or reconfigure it, or expect to be alone with it.
    """
    if folder := request.config.stash.get(_folder, None):
        yield attach(folder)
        return
    with Stack(state_dir=tmp_path_factory.mktemp("stack"), quick_stop=True, overrides=OVERRIDES) as running:
        yield running


@pytest.fixture(scope="session")
def private_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that a test has to itself for its time: to kill, to stop, to reconfigure, or to look at as a whole."""
    with Stack(state_dir=tmp_path_factory.mktemp("private"), quick_stop=True, overrides=OVERRIDES) as running:
        yield running


@dataclass
class Site:
    """A stack with a client's token: what journeys need."""

    stack: View
    token: str
    http: httpx.Client = field(init=False)
    commands: Commands | None = None

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.stack.base_url, timeout=60, follow_redirects=False)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def upload(self, *files: tuple[str, bytes], headers: dict[str, str] | None = None, **data: str) -> httpx.Response:
        parts = [("files", (name, content)) for name, content in files]
        return self.http.post(
            "/api/v1/prescriptions", files=parts, data=data, headers={**self.bearer, **(headers or {})}
        )

    def prescription(self, *files: tuple[str, bytes], **data: str) -> dict[str, Any]:
        response = insist(self.upload, *files, **data)
        assert response.status_code == 201, response.text
        body: dict[str, Any] = response.json()
        return body

    def follow(self, url: str, *, limit: int = 6, **kwargs: Any) -> list[httpx.Response]:
        """Every answer on the way, redirects included, of a client that comes back when told to.

        More than `limit` of them is a loop.
        """
        answers: list[httpx.Response] = []
        while not answers or answers[-1].is_redirect:
            assert len(answers) < limit, [answer.headers.get("location") for answer in answers]
            step = answers[-1].headers["location"] if answers else url
            answers.append(insist(self.http.get, step, **kwargs))
        return answers

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """A look into the stack's database."""
        # sqlite3's own context ends a transaction and leaves the file open.
        with closing(sqlite3.connect(f"file:{self.stack.state.database}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(query, values).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """What time does, or an administrator, written straight into the stack's database."""
        with closing(sqlite3.connect(self.stack.state.database, timeout=20)) as connection, connection:
            connection.execute(statement, values)

    def objects(self, prefix: str, bucket: str = "rx-variants") -> list[str]:
        """Keys in a bucket, asked of S3 itself."""
        pages = (
            self.stack.s3_client("bootstrap").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def log(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines of one server's log."""
        lines = self.stack.log_path(name).read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def manage(self, *arguments: str) -> str:
        """A management command beside the running stack."""
        if self.commands is None:
            self.commands = Commands(self.stack.env_for("web"))
        return self.commands.run(arguments)

    def close(self) -> None:
        self.http.close()
        if self.commands is not None:
            self.commands.close()


@contextmanager
def site_of(stack: View) -> Iterator[Site]:
    """With a client of this worker's own."""
    made = Site(stack, "")
    with closing(made):
        made.token = made.manage("rxtoken", "create", "--name", CLIENT, "--scopes", "rx:read,rx:write,orders:write")
        yield made


@pytest.fixture(scope="session")
def site(stack: View) -> Iterator[Site]:
    with site_of(stack) as made:
        yield made


@pytest.fixture(scope="session")
def private_site(private_stack: Stack) -> Iterator[Site]:
    with site_of(private_stack) as made:
        yield made


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A phone photo, EXIF orientation 6, small enough to be quick."""
    return samples.phone_photo(seed=1, megapixels=1)


@pytest.fixture(scope="session")
def pdf() -> bytes:
    """Three vector pages."""
    return samples.three_page_pdf(seed=1)


@pytest.fixture(scope="session")
def servers(stack: View) -> View:
    """Points Django in this process at the stack's S3 and Redis (its database stays its own)."""
    from django.conf import settings
    from django.test.signals import setting_changed

    from prescriptions.infra import per_process

    env = stack.env_for("web")
    for name in (
        "RX_S3_ENDPOINT",
        "RX_S3_REGION",
        "RX_S3_ACCESS_KEY",
        "RX_S3_SECRET_KEY",
        "RX_ORIGINALS_BUCKET",
        "RX_VARIANTS_BUCKET",
        "RX_REDIS_URL",
    ):
        setattr(settings, name, env[name])
        os.environ[name] = env[name]
    settings.CELERY_BROKER_URL = env["RX_REDIS_URL"]
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(Config(s3={"addressing_style": "path"}))
    for bucket in ("originals", "variants", "default"):
        options = settings.STORAGES[bucket]["OPTIONS"]
        options.update(
            endpoint_url=env["RX_S3_ENDPOINT"],
            access_key=env["RX_S3_ACCESS_KEY"],
            secret_key=env["RX_S3_SECRET_KEY"],
            client_config=settings.RX_S3_CLIENT_CONFIG,
        )
    setting_changed.send(sender=None, setting="STORAGES", value=settings.STORAGES, enter=True)  # they are made anew
    # A test before this one may have asked an S3 that was not there, and learnt from it.
    per_process.forget()
    return stack


@pytest.fixture(autouse=True)
def audit_log_stays_empty(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Empties the audit log after a test with real transactions: it only adds, so the flush leaves it alone."""
    yield
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction")
    if commits or {"transactional_db", "live_server"} & set(request.fixturenames):
        with django_db_blocker.unblock():
            _empty_audit_log()


def _empty_audit_log() -> None:
    migration = import_module("prescriptions.migrations.0003_audit_append_only")
    editor = type("Editor", (), {"connection": connection})()
    with connection.cursor() as cursor:
        editor.execute = cursor.execute
        migration.unseal(None, editor)
        for table in ("auditanchorhead", "auditanchor", "auditevent"):
            cursor.execute(f"DELETE FROM prescriptions_{table}")  # noqa: S608 - three constants
        migration.seal(None, editor)
