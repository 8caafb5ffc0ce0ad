"""Numbers that a command was given."""

_LEAST = {"batch_size": 1, "rounds": 1, "limit": 0, "examples": 0}


def check_numbers(**options: int) -> None:
    """Raises ValueError, naming the option, for one that is too low."""
    for name, value in options.items():
        if value < _LEAST[name]:
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} is {value}: it must be at least {_LEAST[name]}")
