"""Judges what was recorded: which of it would the users be denied today, and of what is that not known.

An action is recorded with an example of each argument, so the judge decides as it
would.  Of an event only its name and classes are recorded.  Classes decide by
themselves; an eventfilter does where it looks at the name alone; whose call an
event is of, no recording says.  What remains open is listed, and is no denial.
"""

from collections.abc import Iterator

from proxy.ami import privilege
from proxy.ami.actions import ActionTable
from proxy.cli.printable import text_of
from proxy.core.learning.recorder import Seen
from proxy.core.learning.recording import Recording
from proxy.core.policy import Deny, decide, target_of
from proxy.core.users import User, UserTable


def replay(recording: Recording, table: UserTable, actions: ActionTable, only: str | None) -> int:
    """Say which recorded actions and events these users would be denied; 1 if any, else 0."""
    denied = judged = unproven = 0
    for name in recording.users():
        if only is not None and name.lower() != only.lower():
            continue
        user = table.find(name.encode())
        if user is None or user.disabled:
            print(f"{name}: not a user who may log in")
            denied += 1
            continue
        for shape in (shape for shape in recording.shapes if shape.user == name):
            judged += 1
            verdict = decide(user, shape.as_action(), actions)
            if isinstance(verdict, Deny):
                denied += 1
                hint = f" ({verdict.hint})" if verdict.hint else ""
                print(f"{name}: {text_of(shape.action)} {target_of(shape.as_action())}: {verdict.rule}{hint}")
        for seen in (seen for seen in recording.events if seen.user == name):
            judged += 1
            refusal, doubts = _denial(user, seen), list(_doubts(user, seen))
            if refusal:
                denied += 1
                print(f"{name}: event {text_of(seen.event)}: {refusal}")
            elif doubts:
                unproven += 1
                print(f"{name}: event {text_of(seen.event)}: not proven: {'; '.join(doubts)}")
    print(f"{judged} judged, {denied} denied" + (f", {unproven} not proven" if unproven else ""))
    return 1 if denied else 0


def _denial(user: User, seen: Seen) -> str:
    if not privilege.may_read(user.read, seen.classes):
        return f"read lacks {privilege.class_names(seen.classes & ~user.read)}"
    if user.filters.admits_named(seen.event) is False:
        return "its eventfilter"
    return ""


def _doubts(user: User, seen: Seen) -> Iterator[str]:
    if user.filters.admits_named(seen.event) is None:
        yield "its eventfilter looks at more than the event's name"
    if user.rules is not None and user.rules.scope is not None:
        yield "whether it is of a call in the user's scope"
