"""What a server answers, read and checked: nothing in it is believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..formats.json_text import read_json
from ..spans.numeric import read_log_probability
from .errors import ServerError
from .secrets import Secrets


@dataclass(frozen=True)
class Completion:
    """tokens: as strings, or, where the server gives ids, "token_id:N". log_probs: natural, one a
    token, at most 0. ended: whether the model stopped by itself."""

    text: str
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]
    ended: bool


def read_completion(answer: Any, secrets: Secrets) -> Completion:
    """Raises ServerError for an answer without a completion, or without log-probabilities."""
    try:
        choice = answer["choices"][0]
        text, ended = _clean(choice["text"]), choice.get("finish_reason") == "stop"
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ServerError(
            f"the server's answer has no choices: {show(answer, secrets)!r}; is `url` that of an "
            f"OpenAI-compatible server, up to /v1?"
        ) from None
    tokens, log_probs = _read_log_probs(choice.get("logprobs"), secrets)
    if text and not log_probs:
        raise ServerError(
            "the server gives no log-probabilities: allow them (vLLM: --max-logprobs, "
            "llama-cpp-python: --logits_all true), or use a server that has them"
        )
    return Completion(text, tokens, log_probs, ended)


def _read_log_probs(found: Any, secrets: Secrets) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Raises ServerError for tokens and log-probabilities that do not go together, and for numbers
    that are no log-probabilities."""
    try:
        if found and isinstance(found.get("content"), list):  # as chat completions have it
            pairs = [(_name(one), one["logprob"]) for one in found["content"]]
        else:
            found = found or {}
            tokens, log_probs = found.get("tokens") or (), found.get("token_logprobs") or ()
            pairs = list(zip(tokens, log_probs, strict=True))
        names = tuple(_clean(token) for token, _ in pairs)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise ServerError(
            f"the server gives not one log-probability for each token: {show(found, secrets)!r}"
        ) from None
    try:
        return names, tuple(read_log_probability(log_prob) for _, log_prob in pairs)
    except ValueError as error:
        raise ServerError(
            f"the server gives what is not a log-probability ({error}): "
            f"{show(found, secrets)!r}; its model may be damaged, or overflow in half precision"
        ) from None


def _name(token: Mapping[str, Any]) -> Any:
    """llama-server gives ids beside strings."""
    return f"token_id:{int(token['id'])}" if "id" in token else token["token"]


def _clean(string: Any) -> str:
    """A string without halves of characters, which could not be written anywhere. Raises TypeError
    for what is not a string."""
    if not isinstance(string, str):
        raise TypeError
    return string.encode("utf8", "replace").decode("utf8")


def show(answer: Any, secrets: Secrets, most: int = 200) -> str:
    """The beginning of whatever was answered, without keys."""
    try:
        text = answer if isinstance(answer, str) else str(answer)
    except (ValueError, RecursionError):
        return "what cannot be shown"
    return secrets.mask(text)[:most]


def reason_of(body: bytes, secrets: Secrets) -> str:
    """The message of an error, or the beginning of whatever there is."""
    try:
        found = read_json(body)
        message = found.get("message") or found.get("detail") or found["error"]
        return show(message.get("message", message) if isinstance(message, dict) else message,
                    secrets, 300)  # fmt: skip
    except (ValueError, KeyError, AttributeError, TypeError):
        return show(body[:100_000].decode("utf8", "replace"), secrets)
