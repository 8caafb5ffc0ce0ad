"""What a server takes, how it batches, and how it ends."""

from dataclasses import dataclass, field

from ...spans.numeric import check_number, check_types
from .schema import MOST_TEXTS

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServeSettings:
    """limit: characters of the longest text. max_texts: of one request. max_bytes: of the largest
    request. timeout: seconds for the head of a request to arrive, and again for its body.

    batch_size: most texts that are decoded together. max_wait: milliseconds that a batch which is
    not full waits for the requests that were there the last time. queue: texts that may wait.

    drain: seconds after SIGTERM that the server goes on as before, but for `/ready`, so that load
    balancers turn away. stop_timeout: seconds for the requests that were accepted by then.

    any_labels: whether a model that was trained for certain labels may be asked for others.
    api_key: what requests must show; "" for nothing. access_log: a line for each request.

    `drain`, `stop_timeout`, `access_log` and the time for heads are those of `padellm serve`; where
    another server runs the app, its own settings take their place.

    Raises ValueError for a value out of its range: its name comes first in the message, and those
    of others are in backticks. The key is in no message.
    """

    limit: int = 20_000
    max_texts: int = 128
    max_bytes: int = 2_000_000
    timeout: float = 30.0
    batch_size: int = 32
    max_wait: float = 5.0
    queue: int = 1024
    drain: float = 2.0
    stop_timeout: float = 30.0
    any_labels: bool = False
    api_key: str = field(default="", repr=False)
    access_log: bool = False

    def __post_init__(self) -> None:
        for name in ("limit", "max_bytes", "batch_size", "queue"):
            check_number(name, getattr(self, name), least=1, whole=True)
        check_number("max_texts", self.max_texts, least=1, most=MOST_TEXTS, whole=True)
        for name in ("max_wait", "drain", "stop_timeout"):
            check_number(name, getattr(self, name), least=0, most=86_400_000)
        check_number("timeout", self.timeout, above=0, most=86_400)
        if self.queue < self.max_texts:
            raise ValueError(
                f"queue is {self.queue}, and a request may have {self.max_texts} texts: give at "
                f"least {self.max_texts}, or lower `max_texts`"
            )
        if self.api_key and not all("!" <= character <= "~" for character in self.api_key):
            raise ValueError(
                "the API key has a blank, a line end, or a character that is not ASCII, which no "
                "header can carry: choose another"
            )
        check_types(self)
