"""The errors of the model; in a module of their own, because mypyc compiles no exceptions."""


class Unfit(ValueError):
    """A value that cannot be used; ``str`` says why, ``remedy`` what to do.  Neither contains a secret."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


class WrongTransition(RuntimeError):
    """A transition that the table in ``state`` does not have: a fault of the proxy's own."""
