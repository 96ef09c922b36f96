"""A Celery worker makes it. The message is a hint that a sweep repeats if it gets lost."""

from prescriptions.infra import messages
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.fairness import line
from prescriptions.variants.fairness.tickets import Ticket
from transforms.version import PIPELINE

# By name: what makes a variant also chooses a backend, so this module must not lead back to it.
TASK = "prescriptions.tasks.render_variant"


class CeleryBackend:
    """One queue for each lane of each release, which its workers take from in turn: a flood of PDFs does not hold up
    photos. Whose claim a message means is decided by the lane's line.
    """

    def dispatch(self, ticket: Ticket) -> None:
        found_there = line.join(ticket, line=ticket.lane)
        unit = "" if found_there else ticket.unit
        send(ticket.variant_id, ticket.owner, lane=ticket.lane, unit=unit, pipeline=ticket.pipeline)

    def hurry(self, ticket: Ticket) -> None:
        line.hurry(ticket, line=ticket.lane)


def queue_of(lane: str, pipeline: str = PIPELINE) -> str:
    """The queue that the workers of a release take a lane's messages from."""
    return f"{pipeline}.{lane}"


def lane_of(queue: str) -> str:
    return queue.rpartition(".")[2]


def send(variant_id: str, owner: str, *, lane: str, unit: str, pipeline: str = PIPELINE) -> None:
    """A message to the workers of a lane and release: make this claim of `unit`, or (without one) whoever is next.

    Raises BackendUnavailable.
    """
    try:
        messages.send(TASK, variant_id, owner, unit, queue=queue_of(lane, pipeline))
    except messages.NotSent as error:
        raise BackendUnavailable from error
