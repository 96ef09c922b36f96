"""Real S3 and Valkey as runstack starts them: rules, rights, what survives, who is refused."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rxproject.buckets import ORIGINALS, VARIANTS
from rxproject.local.stack import Stack, StackError
from rxproject.local.stack.ports import is_free
from rxproject.local.stack.processes.supervisor import Patience
from rxproject.local.stack.readiness import redis_answers
from tests.rxproject.local.stack.processes import environment_of
from tests.waiting import is_alive

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.xdist_group("storage")
EVERYBODY = ("web", "renderer", "edge")
# What the identities may do: "r" read, "w" write and delete, "l" list.
RIGHTS = {
    ("web", ORIGINALS): "rwl",
    ("web", VARIANTS): "rwl",
    ("renderer", ORIGINALS): "r",
    ("renderer", VARIANTS): "rwl",
    ("edge", ORIGINALS): "",
    ("edge", VARIANTS): "rl",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(state_dir=tmp_path_factory.mktemp("state"), only={"s3", "redis"}, quick_stop=True) as running:
        yield running


def refusal(call: Callable[..., Any], **arguments: Any) -> int:
    """HTTP status of a refused call; 0 when it was allowed."""
    try:
        call(**arguments)
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return 0


@pytest.mark.parametrize(("who", "bucket"), RIGHTS)
def test_an_identity_can_do_what_it_should_and_nothing_else(stack: Stack, who: str, bucket: str) -> None:
    rights = RIGHTS[who, bucket]
    admin, client = stack.s3_client("bootstrap"), stack.s3_client(who)
    there, new = f"{who}/there", f"{who}/new"
    admin.put_object(Bucket=bucket, Key=there, Body=b"there")

    def expected(right: str) -> int:
        return 0 if right in rights else 403

    assert refusal(client.get_object, Bucket=bucket, Key=there) == expected("r")
    assert refusal(client.list_objects_v2, Bucket=bucket) == expected("l")
    assert refusal(client.put_object, Bucket=bucket, Key=new, Body=b"new") == expected("w")
    assert refusal(client.delete_object, Bucket=bucket, Key=there) == expected("w")
    keys = [item["Key"] for item in admin.list_objects_v2(Bucket=bucket, Prefix=f"{who}/").get("Contents", [])]
    assert keys == ([new] if "w" in rights else [there]), "a denied call changed nothing"


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("bucket", [ORIGINALS, VARIANTS])
def test_no_server_can_change_the_rules_of_a_bucket(stack: Stack, who: str, bucket: str) -> None:
    client = stack.s3_client(who)
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    suspended = {"Status": "Suspended"}

    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (client.put_bucket_lifecycle_configuration, {"LifecycleConfiguration": {"Rules": [rule]}}),
        (client.delete_bucket_lifecycle, {}),
        (client.put_bucket_versioning, {"VersioningConfiguration": suspended}),
        (client.put_bucket_policy, {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}),
        (client.delete_bucket_policy, {}),
        (client.put_bucket_acl, {"ACL": "public-read"}),
        (client.delete_bucket, {}),
    ]

    assert [refusal(call, Bucket=bucket, **arguments) for call, arguments in calls] == [403] * len(calls)


def test_originals_are_versioned_and_variants_expire(stack: Stack) -> None:
    admin = stack.s3_client("bootstrap")

    assert admin.get_bucket_versioning(Bucket=ORIGINALS).get("Status") == "Enabled"
    assert admin.get_bucket_versioning(Bucket=VARIANTS).get("Status") is None
    (rule,) = admin.get_bucket_lifecycle_configuration(Bucket=VARIANTS)["Rules"]
    assert (rule["Status"], rule["Expiration"]["Days"]) == ("Enabled", 90)
    (rule,) = admin.get_bucket_lifecycle_configuration(Bucket=ORIGINALS)["Rules"]
    assert rule.keys() & {"Expiration", "NoncurrentVersionExpiration", "Transitions"} == set(), "originals stay"
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 2


def test_the_probe_leaves_nothing_behind(stack: Stack) -> None:
    admin = stack.s3_client("bootstrap")

    for bucket in (ORIGINALS, VARIANTS):
        found = admin.list_object_versions(Bucket=bucket, Prefix="probe")
        assert (found.get("Versions", []), found.get("DeleteMarkers", [])) == ([], [])


def test_the_filer_behind_s3_answers_nobody_without_its_token(stack: Stack) -> None:
    stack.s3_client("bootstrap").put_object(Bucket=VARIANTS, Key="secret", Body=b"secret")
    filer = http.client.HTTPConnection("127.0.0.1", stack.ports.s3 + 3, timeout=10)

    statuses = []
    for method in ("GET", "DELETE"):
        filer.request(method, f"/buckets/{VARIANTS}/secret")
        answer = filer.getresponse()
        answer.read()
        statuses.append(answer.status)
    filer.close()

    assert statuses == [401, 401]
    body = stack.s3_client("web").get_object(Bucket=VARIANTS, Key="secret")["Body"].read()
    assert body == b"secret"


def test_valkey_wants_the_password(stack: Stack) -> None:
    assert not redis_answers(stack.ports.redis, "guess")
    assert redis_answers(stack.ports.redis, stack.env_for("web")["RX_REDIS_URL"].split(":")[2].split("@")[0])


def test_no_secret_is_on_a_command_line_or_readable_by_others(stack: Stack) -> None:
    secrets = json.loads(stack.state.secrets.read_text())
    private = [secrets["redis_password"], *secrets["s3"].values()]

    for name in ("s3", "redis"):
        command_line = Path(f"/proc/{stack.pid_of(name)}/cmdline").read_text()
        assert not [secret for secret in private if secret in command_line]
        assert not [secret for secret in private if secret in str(environment_of(stack.pid_of(name)))]
    files = [stack.state.secrets, stack.state.run / "s3.json", stack.state.run / "redis.conf"]
    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600"] * 3
    assert oct(stack.state.root.stat().st_mode & 0o777) == "0o700"


def test_objects_survive_a_kill_and_a_restart(stack: Stack) -> None:
    stack.s3_client("web").put_object(Bucket=ORIGINALS, Key="kept", Body=b"kept")
    before = stack.pid_of("s3")

    stack.kill("s3")
    stack.restart("s3")

    assert stack.pid_of("s3") != before
    assert not is_alive(before)
    assert stack.s3_client("renderer").get_object(Bucket=ORIGINALS, Key="kept")["Body"].read() == b"kept"


def test_a_second_stack_on_the_same_state_is_refused(stack: Stack) -> None:
    pids = [stack.pid_of(name) for name in ("s3", "redis")]

    with pytest.raises(StackError, match="is in use by another runstack") as refused:
        Stack(state_dir=stack.state.root, only={"redis"}).start()

    assert refused.value.exit_code == 2
    assert "RX_STATE_DIR" in str(refused.value)
    assert all(is_alive(pid) for pid in pids), "the running one is not touched"
    assert (stack.state.run / "redis.conf").exists()


def test_the_state_stays_locked_until_the_last_server_of_a_killed_stack_is_gone(tmp_path: Path) -> None:
    """Two servers must never write to the same data, not even while the first is still going down."""
    source = """
import sys, time
from pathlib import Path
from rxproject.local.stack import Stack
stack = Stack(state_dir=Path(sys.argv[1]), only={"s3"}).start()
print(stack.pid_of("s3"), flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", source, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        server = int(runner.stdout.readline())
        os.kill(server, signal.SIGSTOP)  # it will not end before it is allowed to go on
        runner.kill()
    said: list[str] = []

    def let_it_end(line: str) -> None:
        said.append(line)
        with contextlib.suppress(ProcessLookupError):  # it is told of more than once
            os.kill(server, signal.SIGCONT)

    with Stack(state_dir=tmp_path, only={"s3"}, quick_stop=True, say=let_it_end) as second:
        assert not is_alive(server)
        assert second.pid_of("s3") != server
    assert said == ["Waiting for the servers of the last run to end ..."]


def test_a_stopped_stack_leaves_no_process_no_port_and_no_socket(tmp_path: Path) -> None:
    stack = Stack(state_dir=tmp_path, only={"s3", "redis"}).start()
    pids = [stack.pid_of(name) for name in ("s3", "redis")]
    ports = stack.ports

    stack.stop()

    assert not any(is_alive(pid) for pid in pids)
    assert all(is_free(port) for port in (ports.redis, *range(ports.s3, ports.s3 + 5)))
    assert not list(Path("/tmp").glob(f"seaweedfs-*-{ports.s3}.sock"))  # noqa: S108


def test_a_server_that_cannot_start_ends_the_stack_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "filerldb2").write_text("where SeaweedFS needs a directory")
    stack = Stack(state_dir=tmp_path, only={"s3", "redis"}, patience=Patience(first_pause=0.01, longest_pause=0.01))

    with pytest.raises(StackError, match="s3 died 5 times in 60 s") as error:
        stack.start()

    assert "filerldb2" in str(error.value)
    assert error.value.exit_code == 1
    assert is_free(stack.ports.redis), "what had been started is stopped"
