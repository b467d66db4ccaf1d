import pytest

from amiproxy.net.admin import logkinds
from tests.deploy.test_guide import said


def test_every_event_that_a_kind_names_is_logged_somewhere() -> None:
    logged = {event for event, _ in said()}
    assert {event for event in logkinds._KIND_OF if event not in logged} == set()


def test_an_event_without_a_kind_of_its_own_is_about_the_service() -> None:
    assert logkinds.kind_of("action-denied") == "denial"
    assert logkinds.kind_of("confined") == "service"


def test_kinds_are_chosen_by_name() -> None:
    assert logkinds.chosen("denial, Login,") == {"denial", "login"}
    assert logkinds.chosen("") == set(logkinds.KINDS) - {"action"}
    assert logkinds.chosen("denial,all") == set(logkinds.KINDS)
    with pytest.raises(ValueError, match="colour, taste"):
        logkinds.chosen("colour,login,taste")
