"""The OpenAPI 3.1 document, made from the routes."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from amiproxy import __version__
from amiproxy.net.doors.http.api.problems import Problem
from amiproxy.net.doors.http.api.route import BASE, Access, Parameter, Route

_REF: Final = "#/components/schemas/{name}"
_PROBLEM: Final = "application/problem+json"
#: The statuses of errors that every route may have: load, limits, faults.
_ALWAYS: Final = (400, 429, 503)
_SCHEMES: Final[Mapping[str, Any]] = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-amiproxy_session"},
    "basic": {"type": "http", "scheme": "basic"},
    "certificate": {"type": "mutualTLS", "description": "of a user with login: certificate"},
}
_ABOUT: Final = (
    "Actions, the present state and the events of Asterisk, by the rights of one manager user. "
    "Messages of AMI are objects: their headers have the names that AMI gives them, and values are strings."
)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document that describes these routes."""
    routes = list(routes)
    types = [kind for route in routes for kind in (route.body, route.answers) if kind is not None]
    schemas, components = msgspec.json.schema_components([Problem, *types], ref_template=_REF)
    named = dict(zip(map(id, [Problem, *types]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _operation(route, lambda kind: named[id(kind)])
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "amiproxy", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
        "security": [{name: []} for name in _SCHEMES],
    }


def _operation(route: Route, schema_of: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "description": " ".join(filter(None, (f"For {route.access.value}.", route.text))),
        "responses": _responses(route, schema_of),
    }
    parameters = [_parameter(one, "path") for one in route.parts]
    parameters += [_parameter(one, "query") for one in route.query]
    if parameters:
        found["parameters"] = parameters
    if route.body is not None:
        body = {"application/json": {"schema": schema_of(route.body)}}
        found["requestBody"] = {"required": True, "content": body}
    if route.access is Access.OPEN:
        found["security"] = []
    return found


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    schema = {"type": "string"}
    if parameter.pattern:
        schema["pattern"] = f"^(?:{parameter.pattern})$"
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path",
        "description": parameter.text,
        "schema": schema,
    }


def _responses(route: Route, schema_of: Any) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done." if route.success == 204 else "The answer."}
    if route.success != 204:
        schema = {"type": "string"} if route.answers is None else schema_of(route.answers)
        success["content"] = {route.media: {"schema": schema}}
    problem = {_PROBLEM: {"schema": schema_of(Problem)}}
    return {str(route.success): success} | {
        str(status): {"description": HTTPStatus(status).phrase, "content": problem}
        for status in errors_of(route)
    }


def errors_of(route: Route) -> list[int]:
    """The statuses of all errors that a request to the route may have."""
    found = {*_ALWAYS, *route.errors}
    if route.access is not Access.OPEN:
        found |= {401, 403}
    if route.body is not None:
        found |= {403, 413, 415}
    return sorted(found)
