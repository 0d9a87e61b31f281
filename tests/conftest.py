"""What holds for all tests."""

from collections.abc import Iterator

import pytest
from scheduling import as_before, policy


@pytest.fixture(autouse=True)
def _usual_policy() -> Iterator[None]:
    """No test may leave its thread real-time: what later tests start would inherit that, and let nothing else run."""
    before = policy()
    with as_before():
        yield
        after = policy()
    assert after == before, "this test changed how its thread is scheduled"
