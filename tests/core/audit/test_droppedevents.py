"""Events that slow clients missed, counted by class."""

from amiproxy.ami import privilege
from amiproxy.core.audit.droppedevents import DroppedEvents
from amiproxy.core.model.encoding import Encoding
from tests.support.core_doubles import event


def test_each_session_that_misses_a_flush_is_counted() -> None:
    missed = DroppedEvents()
    assert missed.total == 0
    flush = event("Hold", Pad="Event: x") + event("Hold") + event("Alarm", "system", Privilege2="call,all")
    for _ in range(3):
        missed.count(flush)
    missed.count(event("Odd", "nonsense"))
    assert missed.classes == {privilege.CALL: 6, privilege.SYSTEM: 3, privilege.UNKNOWN: 1}
    assert missed.total == 10


def test_an_encoding_says_what_the_classes_are_in_its_form() -> None:
    missed = DroppedEvents()
    odd = Encoding("odd", None, len, lambda data: [b"call"] * len(data))
    missed.count(b"xx", odd)
    assert missed.classes == {privilege.CALL: 2}
