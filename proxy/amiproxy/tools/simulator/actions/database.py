"""Actions on the internal database: DBGet, DBPut, DBDel."""

from amiproxy.tools.simulator.pbx.channel import item
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session


def _key(session: Session, request: Request) -> tuple[str, str] | None:
    family, key = request.text("Family"), request.text("Key")
    if not family:
        session.refuse(request, "No family specified")
    elif not key:
        session.refuse(request, "No key specified")
    else:
        return family, key
    return None


async def db_get(session: Session, request: Request) -> None:
    """Look up one entry; the answer is an event list with one item."""
    key = _key(session, request)
    if key is None:
        return
    value = session.host.pbx.database.get(key)
    if value is None:
        session.refuse(request, "Database entry not found")
        return
    found = item(
        "DBGetResponse", ("Family", key[0]), ("Key", key[1]), ("Val", value), *session.identity(request)
    )
    session.send_list(request, "Result will follow", [found], "DBGetComplete")


async def db_put(session: Session, request: Request) -> None:
    """Set one entry."""
    key = _key(session, request)
    if key is not None:
        session.host.pbx.database[key] = request.text("Val")
        session.succeed(request, "Updated database successfully")


async def db_del(session: Session, request: Request) -> None:
    """Delete one entry."""
    key = _key(session, request)
    if key is None:
        return
    if session.host.pbx.database.pop(key, None) is None:
        session.refuse(request, "Database entry not found")
    else:
        session.succeed(request, "Key deleted successfully")


ACTIONS = {
    "DBDel": ("Delete DB entry.", db_del),
    "DBGet": ("Get DB entry.", db_get),
    "DBPut": ("Put DB entry.", db_put),
}
