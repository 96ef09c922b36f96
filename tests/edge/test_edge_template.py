"""The template itself: nothing secret in it, nothing undocumented, and the container fills it in as runstack does."""

import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from prescriptions.upkeep.proof import EDGE_KEEPS
from rxproject.edge import EDGE_NAMES, EDGE_SECRETS, render
from tests.edge.servers import NGINX, TEMPLATE, VECTORS, nginx_command, values
from tests.waiting import free_port

TEXT = TEMPLATE.read_text()
SHARED = (NGINX / "variant.conf").read_text()


@pytest.fixture
def filled(tmp_path: Path) -> dict[str, str]:
    return values(tmp_path, tmp_path, free_port(), s3="127.0.0.1:1", web="127.0.0.1:2", generate="127.0.0.1:3")


def test_the_placeholders_are_the_documented_ones() -> None:
    found = set(re.findall(r"\$\{(RX_\w+)\}", TEXT))
    readme = (NGINX / "README.md").read_text()

    assert found == set(EDGE_NAMES)
    assert list(EDGE_NAMES) == sorted(EDGE_NAMES)
    for name in (*EDGE_NAMES, *EDGE_SECRETS):
        assert f"`{name}`" in readme, f"{name} is not in the README"


def test_secrets_are_named_for_the_environment_and_never_filled_in(filled: dict[str, str]) -> None:
    assert set(re.findall(r"^env (\w+);$", TEXT, re.MULTILINE)) == set(EDGE_SECRETS)
    assert not set(EDGE_SECRETS) & set(EDGE_NAMES)

    text = render(TEXT, filled | dict.fromkeys(EDGE_SECRETS, "0123456789abcdef-secret"))

    assert "0123456789abcdef-secret" not in text


def test_nginxs_own_variables_survive(filled: dict[str, str]) -> None:
    text = render(TEXT, filled)

    assert "${RX_" not in text
    assert sorted(re.findall(r"\$\{?[a-z]\w*", text)) == sorted(re.findall(r"\$\{?[a-z]\w*", TEXT))


@pytest.mark.parametrize("name", EDGE_NAMES)
def test_a_missing_value_is_named(filled: dict[str, str], name: str) -> None:
    del filled[name]

    with pytest.raises(KeyError, match=name):
        render(TEXT, filled)


@pytest.mark.parametrize("value", ["a;", "a{", "a}", 'a"b', "a'b", "a\\", "$host", "a\nb", ""])
def test_a_value_cannot_bring_a_directive_along(filled: dict[str, str], value: str) -> None:
    with pytest.raises(ValueError, match="RX_PIPELINE"):
        render(TEXT, filled | {"RX_PIPELINE": value})


def test_envsubst_gives_the_same_text(filled: dict[str, str]) -> None:
    envsubst = shutil.which("envsubst")
    if envsubst is None:
        pytest.skip("envsubst (gettext) is not on this machine; the container image has it")
    names = " ".join(f"${{{name}}}" for name in EDGE_NAMES)

    done = subprocess.run([envsubst, names], input=TEXT, env=filled, capture_output=True, text=True, check=True)

    assert done.stdout == render(TEXT, filled)


def test_nginx_accepts_it_also_for_aws(filled: dict[str, str], tmp_path: Path) -> None:
    aws = {
        "RX_EDGE_S3_SCHEME": "https",
        "RX_EDGE_S3_HOST": "s3.eu-west-1.amazonaws.com:443",
        "RX_S3_REGION": "eu-west-1",
    }
    named = {"RX_EDGE_WEB": "web:8000", "RX_EDGE_GENERATE": "generate:8000", "RX_BASE_URL": "https://rx.example"}
    for more in ({}, aws | named):
        (tmp_path / "nginx.conf").write_text(render(TEXT, filled | more))

        done = subprocess.run(
            [*nginx_command(tmp_path), "-t"],
            env={"RX_LINK_KEYS": VECTORS["keys"]},
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        assert "[warn]" not in done.stderr or os.geteuid() != 0


def test_what_is_written_is_written_to_memory_and_kept_for_thirty_seconds() -> None:
    paths = re.findall(r"^\s*(\w+_temp_path|proxy_cache_path) (\S+)", TEXT, re.MULTILINE)

    assert {name for name, _ in paths} == {
        "client_body_temp_path",
        "proxy_temp_path",
        "fastcgi_temp_path",
        "uwsgi_temp_path",
        "scgi_temp_path",
        "proxy_cache_path",
    }
    assert all(path.startswith("${RX_EDGE_TMPFS_DIR}/") for _, path in paths)
    # nginx counts whole seconds, so that this is 30 at most.
    assert re.findall(r"proxy_cache_valid ([^;]+);", TEXT + SHARED) == ["200 29s"]
    assert re.findall(r"proxy_cache_use_stale ([^;]+);", TEXT + SHARED) == ["off"]
    assert "proxy_cache_background_update" not in TEXT + SHARED, "off, as it is by default"
    assert "const KEPT = 30;" in (NGINX / "rx.js").read_text()
    assert timedelta(seconds=30) == EDGE_KEEPS, "what the proof of an erasure says"
    assert "inactive=30s use_temp_path=off" in TEXT


def test_it_needs_no_module_that_the_official_image_lacks() -> None:
    """The tests' nginx has these built in, so nothing else would tell."""
    directives = set(re.findall(r"^\s*([a-z_]+)[ ;]", TEXT + SHARED, re.MULTILINE))

    assert not [name for name in directives if re.match(r"keyval|auth_jwt|echo|more_|set_[^r]|eval|slice", name)]


def test_only_404_is_a_miss() -> None:
    """On AWS a missing key is 404 only for those who may list the bucket: deploy/ grants the edge s3:ListBucket."""
    assert re.findall(r"error_page ([^;@]+) = @miss;", TEXT) == ["404"]
    assert "s3:ListBucket" in (NGINX / "README.md").read_text()


def test_every_group_of_directives_says_why() -> None:
    """A directive follows another directive of its group, a comment, or the opening line of its block."""
    lines = [line.strip() for text in (TEXT, SHARED) for line in text.splitlines()]
    for number, line in enumerate(lines):
        begins_group = number > 0 and lines[number - 1] == "" and line not in {"", "}"}
        if begins_group:
            assert line.startswith(("#", "http {")), f"line {number + 1} begins a group without a word on why: {line}"
