"""What a model server may do wrong."""


class ServerError(OSError):
    """What the server did, what was asked, and what may help. of_all: whether all other texts
    would fare alike, as where no server is reached; they need not be tried one by one."""

    of_all = False


class PassingError(ServerError):
    """Worth another try. after: seconds that the server asks to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
