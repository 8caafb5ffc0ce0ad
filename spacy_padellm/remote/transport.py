"""One request to a server, within a time and a size, whatever the server sends.

A limit on silence alone would never end a server that drips; and a small compressed body can
unpack to more than the memory holds.
"""

import asyncio
import zlib
from dataclasses import dataclass

import httpx

MOST_BYTES = 8 * 2**20  # of an answer, unpacked; one of 64 tokens has about 10,000
_PLAIN = ("", "identity")
_ZIPPED = ("gzip", "x-gzip", "deflate")


class TooSlowError(Exception):
    """The answer was not there, whole, within the time."""


class TooLargeError(Exception):
    """The answer has more bytes than are read."""


class UnreadableError(Exception):
    """The answer is packed in a way that is not asked for."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes


async def send(http: httpx.AsyncClient, url: str, body: bytes | None, seconds: float) -> Answer:
    """Sends JSON, or asks for what is there (body None), and reads the answer to its end.

    seconds: for all of it: connection, request, answer. Raises TooSlowError, TooLargeError,
    UnreadableError, and httpx.HTTPError where there is no answer.
    """
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    try:
        return await asyncio.wait_for(_send(http, url, body, headers), seconds)
    except (asyncio.TimeoutError, httpx.TimeoutException):
        raise TooSlowError from None


async def _send(
    http: httpx.AsyncClient, url: str, body: bytes | None, headers: dict[str, str]
) -> Answer:
    method = "GET" if body is None else "POST"
    async with http.stream(method, url, content=body, headers=headers) as answer:
        said = answer.headers.get("content-length", "")
        if said.isdecimal() and (len(said) > 18 or int(said) > MOST_BYTES):
            raise TooLargeError
        unpack = _Unpacker(answer.headers.get("content-encoding", "").strip().lower())
        parts, size = [], 0
        async for packed in answer.aiter_raw():
            part = unpack(packed, MOST_BYTES + 1 - size)
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise TooLargeError
        return Answer(answer.status_code, answer.headers, b"".join(parts))


class _Unpacker:
    """Some servers compress what they were asked to send plainly."""

    def __init__(self, encoding: str) -> None:
        if encoding not in (*_PLAIN, *_ZIPPED):
            raise UnreadableError(encoding[:40])
        # 32 more than the largest window: the header tells gzip from zlib.
        self._zip = None if encoding in _PLAIN else zlib.decompressobj(zlib.MAX_WBITS | 32)

    def __call__(self, part: bytes, most: int) -> bytes:
        """The part unpacked, cut at `most` bytes."""
        if self._zip is None:
            return part
        try:
            return self._zip.decompress(part, most)
        except zlib.error as error:
            raise UnreadableError(str(error)[:80]) from None
