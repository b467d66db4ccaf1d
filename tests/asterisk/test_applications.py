"""Every application that a real Asterisk knows is in the table, whichever modules it has loaded."""

import re
from collections.abc import Iterator

import pytest

from amiproxy.ami.catalogue.applications import APPLICATIONS
from tests.asterisk.conftest import give_up
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable

#: The applications of these modules; channel drivers would open ports of their own.
_MODULES = re.compile(
    r"(?:app_|func_|pbx_ael|res_(?:agi|ael_share|fax|monitor|musiconhold|odbc|odbc_transaction|parking|pjsip_notify"
    r"|speech|stasis|stasis_answer|stasis_playback|stasis_recording|stasis_snoop|tonedetect|curl|adsi|smdi"
    r"|xmpp)\b).*\.so"
)
#: They crash or hang where their configuration or hardware is missing.
_LEFT_OUT = {"app_dahdiras.so", "app_jack.so"}


@pytest.fixture(params=["sid", "bullseye"])
def asterisk(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk(request.param)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    folder = next(chroot.ready(request.param).glob("usr/lib/**/asterisk/modules"))
    modules = sorted({path.name for path in folder.iterdir() if _MODULES.fullmatch(path.name)} - _LEFT_OUT)
    # Modules that others need come first.
    modules.sort(key=lambda name: not name.startswith("res_"))
    with (asterisk.directory / "etc/modules.conf").open("a") as file:
        file.writelines(f"load = {name}\n" for name in modules)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.mark.timeout(120)
def test_every_application_has_a_row(asterisk: Asterisk) -> None:
    shown = re.findall(r"^ +([A-Za-z0-9_]+): ", asterisk.cli("core show applications"), re.MULTILINE)
    assert len(shown) > 140
    assert {name for name in shown if name.lower().encode() not in APPLICATIONS} == set()
