"""Applications: how a user's own lists change the table; the table's rows are in application_rows."""

from types import SimpleNamespace
from typing import Any

import pytest

from amiproxy.ami.privilege import parse_classes
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy.dialplan import applications
from amiproxy.core.policy.verdict import Deny


def judged(application: str, data: str = "", write: str = "originate", **rules: Any) -> Deny | None:
    user = SimpleNamespace(write=parse_classes(write), rules=Rules(**rules) if rules else None)
    return applications.run(user, application.encode(), data.encode())


def rule_of(application: str, data: str = "", write: str = "originate", **rules: Any) -> str:
    refused = judged(application, data, write, **rules)
    return "" if refused is None else refused.rule


class TestNarrowingLists:
    def test_a_list_narrows_to_its_applications_in_any_case(self) -> None:
        assert rule_of("playback", "beep", applications=("PlayBack",)) == ""
        assert rule_of("Echo", applications=("PlayBack",)) == "application"
        assert rule_of("Echo", applications=()) == "application"

    def test_a_list_narrows_for_class_system_too(self) -> None:
        assert rule_of("Macro", "x", "system", applications=("Macro",)) == ""
        assert rule_of("Echo", "", "system", applications=("Macro",)) == "application"

    def test_a_listed_application_still_needs_its_class(self) -> None:
        assert rule_of("ChanSpy", "x", applications=("ChanSpy",)) == "application"
        assert rule_of("ChanSpy", "x", "originate,call", applications=("ChanSpy",)) == ""

    def test_a_listed_application_is_refused_if_asterisk_itself_refuses_it(self) -> None:
        refused = judged("System", "id", applications=("System",))
        assert refused is not None
        assert refused.text.startswith(b"Originate Access Forbidden")
        assert rule_of("System", "id", "originate,system", applications=("System",)) == ""


class TestOpeningLists:
    @pytest.mark.parametrize("application", ["Macro", "JabberSend", "VoiceMail", "Record", "Log"])
    def test_a_list_opens_an_application_that_the_table_closes(self, application: str) -> None:
        assert rule_of(application, "x") == "application"
        assert rule_of(application, "x", applications=(application,)) == ""

    def test_arguments_of_a_listed_application_are_judged_where_the_table_has_them(self) -> None:
        assert rule_of("Record", "/x.wav", applications=("Record",)) == "recording-file"
        assert rule_of("VoiceMailMain", "1,s", applications=("VoiceMailMain",)) == "application"
        assert rule_of("ChanIsAvail", "MulticastRTP/x", applications=("ChanIsAvail",)) == "technology"

    def test_values_to_be_evaluated_are_refused_in_a_listed_application(self) -> None:
        for data in ("${A}", "$[1]", "^{A}"):
            assert rule_of("Macro", data, applications=("Macro",)) == "evaluated-value"
        assert rule_of("ImportVar", "A=x,ENV(PATH)", applications=("ImportVar",)) == "application"

    def test_other_modules_applications_may_be_listed_by_their_prefix(self) -> None:
        assert rule_of("Rpt", "1") == "application"
        assert rule_of("Rpt", "1", applications=("Rpt*",)) == ""

    def test_a_wildcard_opens_no_application_that_the_table_closes(self) -> None:
        assert rule_of("Macro", "x", applications=("*",)) == "application"
        assert rule_of("Macro", "x", applications=("Ma*",)) == "application"
        assert rule_of("Playback", "beep", applications=("Play*",)) == ""


class TestContextsAndChannels:
    CONTEXTS = ("internal",)

    def test_contexts_and_channels_apply_to_class_system(self) -> None:
        assert rule_of("Goto", "outside,1,1", "all", contexts=self.CONTEXTS) == "contexts"
        assert rule_of("System", "id", "all", contexts=self.CONTEXTS) == "application"
        assert rule_of("System", "id", "all", contexts=self.CONTEXTS, applications=("System",)) == ""

    def test_an_application_that_no_list_can_bound_is_refused_unless_listed(self) -> None:
        assert rule_of("ChanSpy", "PJSIP/1", "all", contexts=self.CONTEXTS) == "contexts"
        assert rule_of("ChanSpy", "PJSIP/1", "all", channels=("PJSIP/1",)) == "channels"
        named = {"channels": ("PJSIP/1",), "applications": ("ChanSpy",)}
        assert rule_of("ChanSpy", "PJSIP/1-0000002a", "all", **named) == ""
        assert rule_of("ChanSpy", "PJSIP/2-0000002a", "all", **named) == "channels"

    @pytest.mark.parametrize("data", ["", ",q"])
    def test_an_omitted_channel_means_any_channel_and_is_refused(self, data: str) -> None:
        named = {"channels": ("PJSIP/1",), "applications": ("ChanSpy",)}
        assert rule_of("ChanSpy", data, "all", **named) == "channels"

    def test_an_application_without_arguments_is_allowed(self) -> None:
        assert rule_of("Echo", "", contexts=self.CONTEXTS) == ""
        assert rule_of("Echo", "x", contexts=self.CONTEXTS) == "application"
        assert rule_of("NoOp", "", contexts=self.CONTEXTS) == ""

    def test_a_url_for_the_client_is_refused_to_a_user_with_contexts(self) -> None:
        assert rule_of("Queue", "sales,,http://shown", contexts=self.CONTEXTS) == "contexts"
        assert rule_of("Queue", "sales,,,,10", contexts=self.CONTEXTS) == ""
        assert rule_of("Queue", "sales,,http://shown") == ""
        assert rule_of("Queue", "sales,,http://shown\x80") == "characters"


class TestHints:
    @pytest.mark.parametrize(
        ("application", "data", "hint"),
        [
            ("Playback", "/x", "Playback, argument 1: plain names"),
            ("dial", "Local/1@x,1,tU(x)", "Dial, argument 3: it has an option"),
            ("Dial", "Local/1@x,1,A(/x)", "Dial, argument 3: plain names"),
            ("Queue", "a,,,,,script", "Queue, argument 6: it needs class agi"),
            ("ChanSpy", "x", "ChanSpy: it needs class call"),
            ("Queue", 'a,"b"', "Queue: leave out quotes"),
            ("Wait", "1,2", "Wait, argument 2: it has more"),
            ("Macro", "x", "it can do more than"),
            ("System", "x", "Asterisk's own list"),
        ],
    )
    def test_hints_name_the_argument_and_the_setting(self, application: str, data: str, hint: str) -> None:
        refused = judged(application, data)
        assert refused is not None
        assert refused.hint.startswith(hint)

    def test_hints_never_contain_a_value(self) -> None:
        refused = judged("Playback", "/secret")
        assert refused is not None
        assert "secret" not in refused.hint

    def test_the_channels_of_a_list_are_numbered(self) -> None:
        named = {"channels": ("PJSIP/1",), "applications": ("Broadcast",)}
        refused = judged("Broadcast", "b,PJSIP/1-1,PJSIP/2-1", "originate,call", **named)
        assert refused is not None
        assert (refused.rule, refused.hint[:22]) == ("channels", "Broadcast, argument 3:")


def test_a_queue_without_class_agi_is_refused_in_asterisks_own_words() -> None:
    refused = judged("Queue", "a,,,,,script")
    assert refused is not None
    assert refused.text.startswith(b"Originate Access Forbidden")
