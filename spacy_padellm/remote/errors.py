"""What a model server may do wrong."""

from ..decoding.text_decoder import ModelError


class ServerError(ModelError):
    """What the server did, what was asked, and what may help."""


class PassingError(ServerError):
    """Worth another try. after: seconds that the server asks to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
