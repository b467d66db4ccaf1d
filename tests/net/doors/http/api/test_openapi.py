"""The OpenAPI document says exactly what the routes do, and a validator accepts it."""

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from amiproxy.net.doors.http.api import table
from amiproxy.net.doors.http.api.openapi import document, errors_of
from amiproxy.net.doors.http.api.route import BASE, Access
from amiproxy.net.doors.http.api.table import ROUTES
from tests.net.doors.http.api.conftest import ApiHouse


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """The document as clients get it."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(ROUTES)))
    return found


def test_a_validator_accepts_the_document(shown: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(shown).validate()


def test_each_route_is_one_operation(shown: dict[str, Any]) -> None:
    told = {
        (method.upper(), path.removeprefix(BASE)): operation["operationId"]
        for path, methods in shown["paths"].items()
        for method, operation in methods.items()
    }
    assert told == {(route.method, route.path): route.name for route in ROUTES}
    assert len({route.name for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_operation_has_what_its_route_takes_and_answers(shown: dict[str, Any], route: Any) -> None:
    operation = shown["paths"][BASE + route.path][route.method.lower()]
    found = {(one["name"], one["in"]) for one in operation.get("parameters", [])}
    assert found == {(one.name, "path") for one in route.parts} | {(one.name, "query") for one in route.query}
    assert re.findall(r"\{(\w+)\}", route.path) == [one.name for one in route.parts]
    assert ("requestBody" in operation) == (route.body is not None)
    assert set(operation["responses"]) == {str(one) for one in (route.success, *errors_of(route))}
    assert ("security" in operation) == (route.access is Access.OPEN)


def test_every_type_has_a_description_and_bodies_take_no_unknown_member(shown: dict[str, Any]) -> None:
    schemas = shown["components"]["schemas"]
    assert all(schema["description"] for schema in schemas.values())
    strict = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    bodies = {route.body.__name__ for route in ROUTES if hasattr(route.body, "__struct_fields__")}
    assert strict == bodies


async def test_the_document_is_made_once(api_house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    async with api_house.visitor() as peer:
        first = await peer.call("GET", "/openapi.json")
        monkeypatch.setattr(table, "document", None)  # anybody may ask for it, and it takes milliseconds
        second = await peer.call("GET", "/openapi.json")
    assert (first.status, second.body) == (200, first.body)
