"""A backend that only notes what it was asked to make, for tests that are not about rendering."""

asked: list[str] = []


class Recorder:
    """RX_BACKEND = "tests.prescriptions.admin.review_page.recorder.Recorder"."""

    def dispatch(self, variant_id: str, owner: str, *, lane: str = "images") -> None:
        asked.append(variant_id)
