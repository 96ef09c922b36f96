"""npm's part: the linters of the document and the TypeScript client, installed once into clients/typescript."""

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / "clients/typescript"


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Of `node_modules/.bin`, or `node`. Its environment has no proxy for the server on this machine."""
    program = "node" if command[0] == "node" else str(HERE / "node_modules/.bin" / command[0])
    return subprocess.run(
        [program, *command[1:]],
        cwd=HERE,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "REDOCLY_TELEMETRY": "off", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
