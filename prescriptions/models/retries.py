"""What makes it safe to send something again, or to die in the middle: kept answers, files and originals
on their way, duties.
"""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from prescriptions.models.identifiers import new_identifier
from prescriptions.models.uploads import Prescription


class IdempotencyKey(models.Model):
    """Which upload a key was sent with, for the release before, which looks here. `Replay` has it now, and this goes
    with the next release. (Without a prescription it is a reservation of an older one still, and void.)
    """

    client = models.CharField(max_length=64)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 over the files and fields.")
    prescription = models.ForeignKey(Prescription, null=True, on_delete=models.CASCADE)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "key"), name="idempotency_key"),)

    def __str__(self) -> str:
        return self.key


class Replay(models.Model):
    """The answer to an action that somebody may repeat, written in the transaction of the action itself.

    `scope`: who may repeat what; `fingerprint`: over what was sent. `answer` may hold what a review says, so it goes
    with the erasure of `rx`, or of the patient or order for whom a keyed digest (`~…`) stands there. While `until` is
    set it is under way, `owner`'s until then, and will be at `location`.
    """

    scope = models.CharField(max_length=160)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    rx = models.CharField(max_length=32, blank=True, db_index=True)
    answer = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    owner = models.CharField(max_length=32, blank=True, default="", db_default="")
    until = models.DateTimeField(null=True)
    location = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("scope", "key"), name="replay_key"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class LooseOriginal(models.Model):
    """An original that no document names, yet or any more: written before its bytes, deleted by the transaction in
    which a document names it. What stays belongs to an upload that died, and a sweep deletes its object.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    rx = models.CharField(max_length=32, help_text="The prescription, or the draft, that it is for.")
    since = models.DateTimeField(default=timezone.now, db_index=True)
    taken = models.BooleanField(default=False, help_text="The sweep has it: no document may name it any more.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"original {self.id[:8]}"


class Incoming(models.Model):
    """A file on its way in. Its bytes are in the originals bucket under `incoming/{id}/`, and `offset` of them are kept
    for certain: the row changes after they do.

    `owner`: who may go on with it. `wants`: the references of the prescription that it alone shall become at once.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    owner = models.CharField(max_length=200)
    client = models.CharField(max_length=64)
    name = models.BinaryField(null=True, help_text="The file's name, sealed.")
    wants = models.JSONField(null=True)
    length = models.PositiveIntegerField(help_text="Bytes, as announced.")
    offset = models.PositiveIntegerField(default=0)
    # Each try to append has a number of its own, under which it puts what it keeps: none can spoil another's.
    attempts = models.PositiveIntegerField(default=0)
    multipart = models.CharField(max_length=1024, blank=True, help_text="What S3 calls the upload of `parts`.")
    parts = models.JSONField(default=list, help_text="Number, ETag, SHA-256 and bytes of each.")
    tail = models.JSONField(default=list, help_text="What is no part yet: number, SHA-256 and bytes of each piece.")
    closed = models.BooleanField(default=False, help_text="Nothing more is taken: it was used, ended or refused.")
    rx = models.CharField(max_length=32, blank=True, help_text="The prescription or draft that has it.")
    file = models.CharField(max_length=32, blank=True, help_text="Which file of the draft it is.")
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (
            models.Index(fields=("owner",), condition=Q(rx=""), name="incoming_of_owner"),
            models.Index(fields=("rx",), condition=~Q(rx=""), name="incoming_of_rx"),
        )
        default_permissions = ()

    def __str__(self) -> str:
        return f"incoming {self.id[:8]}"

    @property
    def whole(self) -> bool:
        """Is every byte there?"""
        return self.offset == self.length


class Duty(models.Model):
    """One duty and the process that has it, until when. Several beats may run; one of them does it."""

    name = models.CharField(primary_key=True, max_length=32)
    owner = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(default=timezone.now)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # How far one that takes long has come, for whoever goes on after it died.
    place = models.CharField(max_length=100, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
