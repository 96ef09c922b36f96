"""What makes it safe to send something again, or to die in the middle: kept answers, originals on their way, duties."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
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
