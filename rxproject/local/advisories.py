"""`make advisories`: is anything known against what requirements.txt installs?

pip-audit asks the index of packages. Where that has no advisories (a mirror, no network), it passes over each package
and ends as if all were well; here that is said aloud, and is not taken for an answer.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"


def judge(found: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit status and lines for what pip-audit reports: 1 where something is known against a package."""
    packages = found["dependencies"]
    unknown = [one["name"] for one in packages if "vulns" not in one]
    lines = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no release'}"
        for one in packages
        for fault in one.get("vulns", ())
    ]
    if unknown:
        told = "none of them was" if len(unknown) == len(packages) else f"{len(unknown)} of them were not"
        lines.append(f"NOT CHECKED: no index of advisories answers for {len(packages)} packages; {told} looked at.")
    elif not lines:
        lines.append(f"Nothing is known against {len(packages)} packages.")
    return int(any("vulns" in one and one["vulns"] for one in packages)), lines


def main() -> int:
    """Runs pip-audit over requirements.txt."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(_REQUIREMENTS), "--disable-pip", "--no-deps"]
    done = subprocess.run(
        [*command, "--format=json", "--progress-spinner=off", "--timeout=5"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        sys.stdout.write(f"NOT CHECKED: the index of advisories cannot be reached ({last[:200]}).\n")
        return 0
    status, lines = judge(found)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return status


if __name__ == "__main__":
    sys.exit(main())
