"""Keys that belong into another section, where people look for them nevertheless."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.core.model.limits import Limits, ServerLimits

_OF_ALL: Final = "set it in limits of proxy.yaml: it applies to all servers together"

#: Struct -> key -> remedy.
MISPLACED: Final[Mapping[type, Mapping[str, str]]] = MappingProxyType(
    {
        ServerLimits: MappingProxyType(
            dict.fromkeys(set(Limits.__struct_fields__) - set(ServerLimits.__struct_fields__), _OF_ALL)
        )
    }
)
