"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Tests time nothing: a busy machine must not make a property fail. Seeds are printed.
settings.register_profile(
    "orchestrator",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("orchestrator")
