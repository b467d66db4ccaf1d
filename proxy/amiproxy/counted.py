"""Counted nouns in texts for people: ``1 user``, ``2 users``."""


def count(number: int, noun: str) -> str:
    """The number with its noun, whose plural is formed by adding ``s``: ``1 session``, ``0 sessions``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
