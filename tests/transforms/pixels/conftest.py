"""Both ways to scale, for the tests whose outcome could depend on it."""

import pytest

from transforms.pixels import resize


@pytest.fixture(params=["fast", "pillow"])
def either_resizer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pillow":
        monkeypatch.setattr(resize, "fast", lambda: None)
    elif resize.fast() is None:
        pytest.skip("no wheel of the fast resizer for this machine")
