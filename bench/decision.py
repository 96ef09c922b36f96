"""A pharmacist's rhythm: from the click on Submit until the next prescription's picture is painted, in a real browser.

    python -m bench.decision [--rounds 20]

The pictures have been made (another browser has looked at every page), but this browser has none of them. Needs
Debian's chromium.
"""

import argparse
import secrets
import statistics
import subprocess
import sys
from typing import Any, Final

from bench import photos
from bench.processes import settle
from bench.rows import ROOT, Row, attempt, record
from bench.served import Service, percentile, service
from rxproject.local.shots.screenshots import QUEUE, chromium

NAME: Final = "Submit to the next picture painted, p95"
COMMAND: Final = "python -m bench.decision"
GOAL: Final = "<= 150"
_PASSWORD: Final = secrets.token_urlsafe()
_HIRE: Final = """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
user = get_user_model().objects.create_user("bench", password={password!r}, is_staff=True)
user.groups.add(Group.objects.get(name="pharmacist"))
"""
_SHOWN: Final = (
    "() => { const i = document.querySelector('[data-main] [data-stage] > img'); return !!i && i.naturalWidth > 0 }"
)
# Marks the picture before it can be painted, so that the browser says when it was. Both clocks are its own.
_WATCH: Final = """
new MutationObserver(() => document.querySelector('[data-main] [data-stage] > img')
  ?.setAttribute('elementtiming', 'picture')).observe(document, {childList: true, subtree: true})
window.painted = new Map()
new PerformanceObserver(list => {
  for (const { url, renderTime } of list.getEntries()) window.painted.set(url, performance.timeOrigin + renderTime)
}).observe({type: 'element', buffered: true})"""
_SUBMIT: Final = """() => { const at = performance.timeOrigin + performance.now()
  document.querySelector('[data-submit]').click(); return at }"""
_PAINTED: Final = """async () => {
  for (let tries = 0; tries < 100; tries++) {
    const at = window.painted.get(document.querySelector('[data-main] [data-stage] > img').src)
    if (at) return at
    await new Promise(done => setTimeout(done, 50))
  }
  return NaN
}"""


def hire(running: Service) -> None:
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", _HIRE.format(password=_PASSWORD)]
    subprocess.run(command, cwd=ROOT, env=running.stack.env_for("web"), check=True, capture_output=True, text=True)


def signed_in(browser: Any, running: Service) -> Any:
    """A page of a fresh profile, at the queue."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.goto(running.stack.base_url + QUEUE)
    page.fill("#id_login", "bench")
    page.fill("#id_password", _PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url(f"**{QUEUE}*")
    return page


def shown(page: Any) -> None:
    page.wait_for_selector("[data-main] [data-stage] > img")
    for _ in range(600):
        if page.evaluate(_SHOWN):
            return
        page.wait_for_timeout(100)
    raise RuntimeError(f"no picture at {page.url}")


def submit(page: Any) -> float:
    """Milliseconds of one decision."""
    before = page.url
    page.get_by_role("radio", name="Not accepted", exact=True).check(force=True)
    page.select_option("#reason", "image_blurry")
    began = page.evaluate(_SUBMIT)
    page.wait_for_url(lambda url: url != before and QUEUE in url)
    shown(page)
    return float(page.evaluate(_PAINTED)) - began


def measure(running: Service, rounds: int) -> list[float]:
    hire(running)
    ids = [running.upload(photos.distinct(number))["id"] for number in range(rounds + 2)]
    with chromium() as browser:
        other = signed_in(browser, running)
        for rx in ids:
            other.goto(f"{running.stack.base_url}{QUEUE}{rx}/")
            shown(other)
        other.context.close()
        page = signed_in(browser, running)
        page.get_by_role("button", name="Start reviewing").click()
        page.wait_for_selector("[data-submit]")
        shown(page)
        taken = []
        for _ in range(rounds):
            settle(running.pids)
            taken.append(submit(page))
    return taken[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with service() as running:
        taken, trouble = attempt(lambda: measure(running, options.rounds))
    p95 = percentile(taken, 0.95) if taken else None
    note = f"median {statistics.median(taken):.0f}" if taken else trouble
    record("decision", [Row(name=NAME, ours=p95, unit="ms", goal=GOAL, command=COMMAND, note=note)])


if __name__ == "__main__":
    main()
