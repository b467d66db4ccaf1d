"""How many examples a property test tries, as a multiple of the number of the profile in use."""

from hypothesis import settings


def examples(times: float) -> settings:
    """Settings with ``times`` as many examples as the profile; 1 at least."""
    default = settings.default
    assert default is not None
    return settings(max_examples=max(1, round(default.max_examples * times)))
