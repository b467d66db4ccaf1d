"""deploy/api.md names every route and status of the JSON interface, and no others."""

import re

from amiproxy.net.doors.http.api.openapi import errors_of
from amiproxy.net.doors.http.api.route import Access
from amiproxy.net.doors.http.api.table import ROUTES
from tests.deploy.pages import TOP

TEXT = (TOP / "deploy/api.md").read_text()
_FOR = {
    Access.OPEN: "everybody",
    Access.SESSION: "users",
    Access.SYSTEM: "class `system`",
    Access.COMMAND: "class `command`",
}
#: Not of a route: a wrong method, a wrong Host.
_OF_ALL = {405, 421}


def test_the_page_lists_the_routes_and_who_may_use_them() -> None:
    told = set(re.findall(r"^\| `([A-Z]+) (/[^`]*)` \| .* \| ([^|]*) \|$", TEXT, re.MULTILINE))
    assert told == {(route.method, route.path, _FOR[route.access]) for route in ROUTES}


def test_the_page_lists_the_statuses_of_errors() -> None:
    rows = re.findall(r"^\| (\d{3}(?:, \d{3})*) \|", TEXT, re.MULTILINE)
    told = {int(status) for row in rows for status in row.split(", ")}
    assert told - _OF_ALL == {status for route in ROUTES for status in errors_of(route)}
