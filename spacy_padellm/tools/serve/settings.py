"""What a server takes, how it batches, and how it ends."""

from dataclasses import dataclass, field

from ...spans.numeric import check_number, check_types

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServeSettings:
    """text_characters: of the longest text. texts: most of one request. body_bytes: of the largest
    request. body_seconds: for a whole request to arrive.

    batch_texts: most that are decoded together. wait_ms: how long a batch that is not full waits
    for the requests that were there the last time. queue_texts: most that wait for their turn.

    drain_seconds: after SIGTERM, that the server goes on as before, but for `/ready`, so that load
    balancers turn away. stop_seconds: for the requests that were accepted by then.

    any_labels: whether a model that was trained for certain labels may be asked for others.
    api_key: what requests must show; "" for nothing.

    Raises ValueError, naming the setting, for a value out of its range; the key is in no message.
    """

    text_characters: int = 20_000
    texts: int = 128
    body_bytes: int = 2_000_000
    body_seconds: float = 30.0
    batch_texts: int = 32
    wait_ms: float = 5.0
    queue_texts: int = 1024
    drain_seconds: float = 2.0
    stop_seconds: float = 30.0
    any_labels: bool = False
    api_key: str = field(default="", repr=False)
    access_log: bool = False

    def __post_init__(self) -> None:
        for name in ("text_characters", "texts", "body_bytes", "batch_texts", "queue_texts"):
            check_number(name, getattr(self, name), least=1, whole=True)
        for name in ("wait_ms", "drain_seconds", "stop_seconds"):
            check_number(name, getattr(self, name), least=0, most=86_400_000)
        check_number("body_seconds", self.body_seconds, above=0, most=86_400)
        if self.queue_texts < self.texts:
            raise ValueError(
                f"queue_texts is {self.queue_texts}, and one request may have {self.texts} texts: "
                f"give the queue room for one request, or lower texts"
            )
        if self.api_key and not all("!" <= character <= "~" for character in self.api_key):
            raise ValueError(
                "the API key has a blank, a line end, or a character that is not ASCII, which no "
                "header can carry: choose another"
            )
        check_types(self)
