"""Another machine's clock beside ours: leases, links, signatures and idle sessions compare times of two machines."""

from datetime import datetime
from typing import Final

from prescriptions.ops.doctor.finding import Finding, Findings

# S3 refuses signatures that are 15 minutes off; a lease of half a minute suffers long before.
_LATE, _WRONG = 2.0, 30.0
_DO: Final = "Let both machines keep time with the same NTP servers (`timedatectl`)."


def compare(says: Findings, theirs: datetime, ours: datetime, within: float) -> Finding:
    """`within`: seconds that the question took, by which the answer may be off."""
    apart = (theirs - ours).total_seconds()
    off = max(0.0, abs(apart) - within)
    seen = f"{abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} this machine"
    if off > _WRONG:
        return says.bad("clock", seen, _DO)
    if off > _LATE:
        return says.warn("clock", seen, _DO)
    return says.good("clock", f"within {max(off, within, 0.1):.1f} s of this machine's")
