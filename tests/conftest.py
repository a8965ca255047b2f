"""What holds for every test."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tests time nothing: a busy machine must not make a property fail. Seeds are printed.
settings.register_profile(
    "orchestrator",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("orchestrator")

INTEGRATION = Path(__file__).parent / "integration"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that start servers and processes a minute, where they say nothing."""
    for item in items:
        if INTEGRATION in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(60))
