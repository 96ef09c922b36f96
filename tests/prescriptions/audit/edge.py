"""An edge's access log as nginx writes it, for tests that read it."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

LINK = "k1.t9x3p2.f"
UNTIL = int("t9x3p2", 36)
MIDDAY = datetime(2024, 11, 29, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Log:
    """`at` is the time of the next line; each comes a second after the one before."""

    path: Path
    at: datetime = MIDDAY

    def write(self, *lines: str) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def line(
        self, path: str, *, status: int = 200, link: str = LINK, ip: str = "192.0.2.7", method: str = "GET"
    ) -> str:
        said = {
            "time": self.at.isoformat(),
            "request_id": uuid4().hex,
            "ip": ip,
            "method": method,
            "path": path,
            "link": link,
            "hop": "",
            "status": status,
        }
        self.at += timedelta(seconds=1)
        return json.dumps(said)

    def picture(self, rx: str, page: int = 1, **fields: object) -> str:
        return self.line(f"/iiif/3/*/{rx}_{page}/full/150,200/0/default.webp", **fields)  # type: ignore[arg-type]

    def rotate(self, *, settled: bool = True) -> None:
        """As a rotator does; `settled`: long enough ago that nginx writes to the new file."""
        old = self.path.rename(self.path.with_name(f"{self.path.name}.1"))
        if settled:
            os.utime(old, (0, 0))
