"""Actions of other modules: what an operator's description may contain, and what the policy makes of it."""

from pathlib import Path

import pytest

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.arguments import Argument, Kind
from amiproxy.ami.privilege import REPORTING
from amiproxy.config import ConfigErrors, load_config
from amiproxy.config.actions import ActionEntry, OneOf, other_actions


def wrong(folder: Path, actions: str) -> list[str]:
    """The key paths that are reported for this ``actions``."""
    file = folder / "proxy.yaml"
    file.write_text(f"{file.read_text()}actions: {actions}\n")
    try:
        load_config(file)
    except ConfigErrors as errors:
        return [problem.key_path for problem in errors.problems if problem.remedy]
    return []


@pytest.mark.parametrize(
    ("actions", "paths"),
    [
        ("{RptStatus: {classes: [reporting], headers: {Node: integer}}}", []),
        ("{RptStatus: {classes: reporting, headers: {Command: {one_of: [XStat]}}, tells_calls: false}}", []),
        ('{"Rpt Status": {classes: [reporting]}}', ["actions.Rpt Status"]),
        ("{Originate: {classes: [call]}}", ["actions.Originate"]),
        ("{RptStatus: {classes: []}}", ["actions.RptStatus.classes"]),
        ("{RptStatus: {classes: [reporters]}}", ["actions.RptStatus.classes"]),
        ("{RptStatus: {headers: {Node: integer}}}", ["actions.RptStatus"]),
        ("{RptStatus: {classes: [call], headers: {Node: number}}}", ["actions.RptStatus.headers.Node"]),
        ("{RptStatus: {classes: [call], headers: {Node: agi-command}}}", ["actions.RptStatus.headers.Node"]),
        ("{RptStatus: {classes: [call], headers: {ActionID: text}}}", ["actions.RptStatus.headers.ActionID"]),
        (
            "{RptStatus: {classes: [call], headers: {Node: {one_of: []}}}}",
            ["actions.RptStatus.headers.Node.one_of"],
        ),
        ("{RptStatus: {classes: [call], answer: list, complete: RptStatusComplete}}", []),
        ("{RptStatus: {classes: [call], answer: rows}}", []),
        ("{RptStatus: {classes: [call], answer: rows, complete: X}}", ["actions.RptStatus.complete"]),
        (
            "{RptStatus: {classes: [call], answer: list, complete: 'Event: X'}}",
            ["actions.RptStatus.complete"],
        ),
        ("{RptStatus: {classes: [call], answer: table}}", ["actions.RptStatus.answer"]),
    ],
)
def test_a_description_is_checked(folder: Path, actions: str, paths: list[str]) -> None:
    assert wrong(folder, actions) == paths


def test_a_description_becomes_classes_and_arguments() -> None:
    entry = ActionEntry(
        classes=("reporting",),
        headers={"Node": "integer", "Command": OneOf(one_of=("XStat",))},
        tells_calls=False,
    )
    others = other_actions({"RptStatus": entry}, "system")
    assert others.undescribed_for_system
    assert others.rows[b"rptstatus"].classes == REPORTING
    described = others.described[b"rptstatus"]
    assert not described.tells_calls
    assert described.arguments == (
        Argument(b"Node", Kind.INTEGER),
        Argument(b"Command", Kind.TEXT, one_of=(b"xstat",)),
    )


def test_a_description_states_the_shape_of_the_answer() -> None:
    others = other_actions(
        {
            "A": ActionEntry(classes=("call",), answer="list", complete="AComplete"),
            "B": ActionEntry(classes=("call",), answer="rows"),
            "C": ActionEntry(classes=("call",)),
        },
        "deny",
    )
    assert others.answers == {
        b"a": Answer(AnswerKind.LIST, b"AComplete"),
        b"b": Answer(AnswerKind.ROWS),
    }
