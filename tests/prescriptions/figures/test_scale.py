"""Percentiles out of counted steps."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescriptions.figures.scale import percentile, step


@given(values=st.lists(st.floats(0, 10_000_000), min_size=1, max_size=60), share=st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_within_a_tenth_of_the_exact_one(values: list[float], share: float) -> None:
    counted: dict[str, int] = {}
    for value in values:
        counted[step(value)] = counted.get(step(value), 0) + 1
    rank = max(1, -(-share * len(values) // 1))
    exact = max(1.0, sorted(values)[int(rank) - 1])

    found = percentile(counted, share)

    assert found is not None
    assert found == pytest.approx(exact, rel=0.1, abs=0.1)


def test_nothing_has_no_median() -> None:
    assert percentile({}, 0.5) is None


def test_a_million_are_a_few_dozen_steps() -> None:
    draw = random.Random(7)

    assert len({step(draw.lognormvariate(5, 1)) for _ in range(100_000)}) < 60
