"""Privilege classes as users.yaml and proxy.yaml write them: a list of names, or a text with commas."""

from functools import lru_cache
from typing import Annotated

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import NONE, parse_classes
from amiproxy.core.model.errors import Unfit

_CLASSES_REMEDY = 'use manager.conf\'s names, such as [call, agent] or "all"'


@lru_cache(maxsize=4096)
def mask_of(classes: str | tuple[str, ...]) -> int:
    """The mask of a list of privilege classes, or of its text.  Raises Unfit, which names the wrong word."""
    words = classes.split(",") if isinstance(classes, str) and classes.strip() else classes
    mask = NONE
    for word in words:
        try:
            mask |= parse_classes(word if word.strip() else ",")
        except UnknownPrivilege as error:
            raise Unfit(str(error), _CLASSES_REMEDY) from None
    return mask


Classes = Annotated[str | tuple[str, ...], mask_of]
