"""An Asterisk of each version with the contexts of the flows, which may be killed and started again."""

from collections.abc import Iterator

import pytest

from tests.asterisk.history.flows import EXTENSIONS, FEATURES
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.requirements import give_up


@pytest.fixture(scope="module", params=["22", "16"])
def pbx(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    """A running Asterisk; the test may stop it, and starts it again."""
    suite = next(suite for suite, version in chroot.SUITES.items() if version == request.param)
    try:
        asterisk = Asterisk(suite, extensions_extra=EXTENSIONS)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.write("features.conf", FEATURES)
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()
