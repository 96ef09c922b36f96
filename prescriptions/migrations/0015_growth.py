"""What a million prescriptions need: every question of a list, a sweep or a comparison has its index."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from prescriptions.migrations._without_lock import AddIndex

_BANDS = 13


def _band(number: int) -> models.Func:
    digits = " || ".join(f"SUBSTR(%(expressions)s, {place}, 1)" for place in range(number, 65, _BANDS))
    return models.Func("likeness", template=f"({digits})", output_field=models.CharField())


_OURS = Q(("status__in", ("queued", "in_review", "second_check")))
_ENDED = Q(("status__in", ("approved", "expired", "partially_approved", "rejected", "withdrawn")))

_INDEXES = (
    ("prescription", models.Index(fields=["client", "order_ref", "-created_at", "-id"], name="rx_of_order")),
    ("prescription", models.Index(fields=["client", "patient_ref"], name="rx_of_patient")),
    (
        "prescription",
        models.Index(
            fields=["erased_at"], condition=Q(("erased_at__isnull", False), ("purged_at", None)), name="rx_to_purge"
        ),
    ),
    ("page", models.Index(fields=["id"], condition=Q(("likeness", "")), name="page_to_hash")),
    *(("page", models.Index(_band(number), name=f"page_likeness_{number}")) for number in range(1, _BANDS + 1)),
    ("review", models.Index(fields=["reviewer", "-decided_at"], name="review_decisions")),
    (
        "review",
        models.Index(fields=["-priority", "queued_at", "prescription"], condition=_OURS, name="review_waiting"),
    ),
    ("review", models.Index(fields=["due_at", "prescription"], condition=_OURS, name="review_due_first")),
    (
        "review",
        models.Index(fields=["-status_at", "-prescription"], condition=_ENDED, name="review_ended_newest"),
    ),
    ("review", models.Index(fields=["-queued_at", "-prescription"], name="review_newest")),
    (
        "clarificationmessage",
        models.Index(
            fields=["expires_at"],
            condition=Q(("answered_at", None), ("author", "staff"), ("expires_at__isnull", False)),
            name="clarification_due",
        ),
    ),
    ("variant", models.Index(fields=["backend", "-created_at"], name="variant_backend")),
    ("variant", models.Index(fields=["pipeline", "-created_at"], name="variant_pipeline")),
)


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock each table while it builds

    dependencies = [
        ("prescriptions", "0014_audit_signed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [AddIndex(model, index) for model, index in _INDEXES]
