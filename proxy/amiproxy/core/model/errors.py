"""The error of values that an operator wrote and that cannot be used."""


class Unfit(ValueError):
    """A value that cannot be used; ``str`` says why, ``remedy`` what to do.  Neither contains a secret."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy
