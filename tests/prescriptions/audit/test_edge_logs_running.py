"""With everything that runs: the edge's own log, and a reader that is killed after it has read and before it has
committed. Nothing is lost, nothing counts twice.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from prescriptions.audit import looks
from prescriptions.models import AuditEvent, EdgeLog, Prescription
from tests.conftest import PROJECT, Site
from tests.databases import ON_THE_SERVER
from tests.prescriptions.audit.edge import Log
from tests.waiting import until

_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%edgelog%'"


def test_a_picture_that_the_edge_sends_is_known_by_its_link(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    url = body["pages"][0]["variants"]["thumb"]
    link = url.split("/iiif/3/")[1].split("/")[0].rpartition(".")[0]
    for _ in range(2):
        assert site.follow(url)[-1].status_code == 200
    log = str(site.stack.log_path("access"))

    def sent() -> int:
        lines = [line["status"] for line in site.log("access") if f"{body['id']}_1/" in line["path"]]
        return lines.count(200)

    until(lambda: sent() == 2, "nginx did not log both")

    for _ in range(2):
        site.manage("rxlooks", f"edge={log}")

    rows = site.rows("SELECT verb, count, detail FROM prescriptions_look WHERE rx = ? AND actor = 'link'", body["id"])
    [(verb, count, detail)] = rows
    assert (verb, count, json.loads(detail)["link"]) == ("picture.sent", 2, link)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("database", [ON_THE_SERVER], indirect=True)
def test_a_reader_that_is_killed_before_it_commits(database: None, postgresql: str, tmp_path: Path) -> None:
    address = postgresql.replace("/postgres?", f"/{connection.settings_dict['NAME']}?")
    rx, log = str(Prescription.objects.create(client="shop").pk), Log(tmp_path / "access.log")
    log.write(*(log.picture(rx) for _ in range(5)))
    command = [sys.executable, "manage.py", "rxlooks", f"eu1={log.path}", "--skip-checks"]
    env = {**os.environ, "RX_DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "rxproject.settings"}

    with psycopg.connect(address) as guard, psycopg.connect(address, autocommit=True) as watch:
        guard.execute("LOCK TABLE prescriptions_edgelog IN EXCLUSIVE MODE")  # who reads it may, who moves on waits
        reader = subprocess.Popen(command, cwd=PROJECT, env=env)
        try:
            until(lambda: (watch.execute(_WAITS).fetchone() or (0,))[0] == 1, "the reader does not commit")
        finally:
            reader.kill()
            reader.wait()
    assert EdgeLog.objects.count() == 0

    for _ in range(2):
        subprocess.run(command, cwd=PROJECT, env=env, check=True, capture_output=True)

    looks.close()
    assert [event.data["count"] for event in AuditEvent.objects.filter(rx=rx)] == [5]
