"""What a model server may do wrong."""

from ..decoding.text_decoder import ModelError


class ServerError(ModelError):
    """What the server did, what was asked, and what may help. of_all: as of ModelError."""

    def __init__(self, message: str, of_all: bool = False) -> None:
        super().__init__(message)
        self.of_all = of_all


class PassingError(ServerError):
    """Worth another try, or failed after the last. after: seconds that the server asks to wait."""

    def __init__(self, message: str, of_all: bool = False, after: float | None = None) -> None:
        super().__init__(message, of_all)
        self.after = after
