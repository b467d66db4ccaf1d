"""The secret of all users of a row."""

from typing import Final

SECRET: Final = "the good one"
