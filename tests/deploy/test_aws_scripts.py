"""The two scripts of deploy/aws, with a stand-in for the AWS CLI."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.cloudformation import AWS, make_secrets

CLI = """#!/bin/sh
echo "$@" >>{folder}/told
case "$1 $2" in
    "cloudformation describe-stacks")
        for last; do :; done
        name=${{last#*OutputKey==\\'}}
        echo "its-${{name%%\\'*}}" ;;
    "ecs run-task") echo arn:task/1 ;;
    "ecs describe-tasks") case "$*" in *exitCode\\ *|*exitCode) echo {code} ;; *) echo "why it stopped" ;; esac ;;
esac
"""


def test_secrets_are_made_without_showing_one(tmp_path: Path) -> None:
    secret, printed, told = make_secrets(tmp_path)

    assert printed == "arn version\n"
    assert not [value for value in secret.values() if any(value[3:] in word for word in (printed, *told))]
    assert len(set(secret.values())) == len(secret) == 9
    assert secret["WEB_TLS"].startswith(secret["WEB_CA"])
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("tmp.")]


def migrate(folder: Path, code: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    (folder / "aws").write_text(CLI.format(folder=folder, code=code))
    (folder / "aws").chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    argv = ["/bin/sh", AWS / "migrate.sh", "rx-service", "rx-network"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    return done, (folder / "told").read_text().splitlines()


def test_migrations_run_where_the_stack_says_and_are_waited_for(tmp_path: Path) -> None:
    done, told = migrate(tmp_path, "0")

    assert (done.returncode, done.stdout, done.stderr) == (0, "migrated\n", "")
    (run,) = (line for line in told if line.startswith("ecs run-task"))
    assert "--cluster its-Cluster --task-definition its-MigrateTask" in run
    assert "awsvpcConfiguration={subnets=[its-PrivateSubnets],securityGroups=[its-BeatGroup]}" in run
    assert "ecs wait tasks-stopped --cluster its-Cluster --tasks arn:task/1" in told


@pytest.mark.parametrize("code", ["1", "None", ""])
def test_migrations_that_failed_or_never_began_are_a_failure(code: str, tmp_path: Path) -> None:
    done, _ = migrate(tmp_path, code)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "why it stopped\n"
