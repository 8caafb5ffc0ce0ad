"""How the versions of WebAnno TSV 3 write the characters of a text on one line."""

import re
from collections.abc import Callable

_ESCAPES = {"\t": "t", "\n": "n", "\f": "f", "\r": "r", "\b": "b", "\\": "\\"}
_CHARS = {escape: char for char, escape in _ESCAPES.items()}
_CONTROL = re.compile(r"[\x00-\x0a\x0c-\x1f\\]")
_JAVA = re.compile(r"\\(?:u+([0-9a-fA-F]{4})|([0-3][0-7]{1,2}|[0-7]{1,2})|(.))", re.DOTALL)
_VERSION = re.compile(r"3(?:\.(\d+))?\s*")


def escape_text(text: str) -> str:
    """A text on one line: control characters and the backslash are escaped."""
    return _CONTROL.sub(lambda match: "\\" + _ESCAPES.get(match[0], match[0]), text)


def escape_token(token: str) -> str:
    """A token, which stands there as it is unless it would break the line."""
    return escape_text(token) if re.search(r"[\t\n\r]", token) else token


def unescaping(version: str) -> Callable[[str], str]:
    """What reads the texts of a version, such as "3.3", as they were."""
    match = _VERSION.fullmatch(version)
    minor = int(match[1] or 0) if match else 2
    ways: dict[int, Callable[[str], str]] = {0: str, 1: _unescape_java}
    return ways.get(minor, _unescape)


def _unescape(text: str) -> str:
    """A backslash before another character stays."""
    return re.sub(
        r"\\(.)",
        lambda m: _CHARS.get(m[1], m[1] if m[1] < " " else m[0]),
        text,
        flags=re.DOTALL,
    )


def _unescape_java(text: str) -> str:
    """As Java's strings; halves of a surrogate pair become one character."""

    def char(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return chr(int(match[2], 8)) if match[2] else _CHARS.get(match[3], match[3])

    found = _JAVA.sub(char, text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
