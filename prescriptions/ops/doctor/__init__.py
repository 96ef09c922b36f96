"""`manage.py doctor`: one look at everything this process needs, and for each thing that is wrong what to do.

It writes nothing but one object, which it deletes again, and shows no secret and nothing about a patient.
"""

from prescriptions.ops.doctor.examine import AREAS, examine
from prescriptions.ops.doctor.finding import Finding, State

__all__ = ["AREAS", "Finding", "State", "examine"]
