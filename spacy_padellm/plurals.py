"""Numbers with their nouns, for messages."""


def count(number: int, what: str) -> str:
    """Such as "1 step" or "1,200 steps"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def verb(number: int, one: str, many: str) -> str:
    """The form of a verb that goes with so many."""
    return one if number == 1 else many
