"""Whether a server holds a model to a grammar, and in which field of a request it takes one."""

import logging
from typing import Any

from ..models.shared_result import SharedResult
from .client import CompletionsClient, Prompt
from .errors import PassingError, ServerError

logger = logging.getLogger(__name__)
_OWNERS = {"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang"}
_PROOF = "qx7"  # no model writes this of its own accord


class GrammarSupport:
    """grammar: the kind of server whose fields are used, "off", or "auto" to ask the server."""

    def __init__(self, client: CompletionsClient, grammar: str) -> None:
        self._client = client
        self._kind: str | None = None if grammar == "auto" else grammar
        self._forced = grammar != "auto"
        self._asking: SharedResult[str] = SharedResult()

    def has(self, prompt: Prompt, special: bool) -> bool:
        """Whether answers are held to a grammar. Asks the server once; warns where it cannot.

        prompt: to try it with. special: whether the template has special tokens, which only
        llama.cpp reads in a grammar. Raises ServerError (`of_all`) where the server does not
        answer, and ValueError for a kind that is set and cannot serve the template.
        """
        if self._kind is None:
            self._asking.get(lambda: self._ask(prompt, special))
        if self._forced and special and self._kind in ("vllm", "sglang"):
            raise ValueError(
                f"the model setting `grammar` is {self._kind!r}, and a grammar of that server "
                f"cannot hold the special tokens of the template: set it to 'off', or train the "
                f"model with a plain-text template"
            )
        return self._kind != "off"

    def field(self, grammar: str) -> dict[str, Any]:
        """The part of a request that holds the answer to a grammar."""
        return _field(self._kind or "off", grammar)

    def _ask(self, prompt: Prompt, special: bool) -> str:
        if self._kind is None:
            self._kind = self._find(prompt, special)
        return self._kind

    def _find(self, prompt: Prompt, special: bool) -> str:
        owner = self._client.owner()
        kind = _OWNERS.get(owner, "off")
        if kind == "off":
            said = f"says it is {self._client.mask(owner)[:40]!r}" if owner else "does not say"
            why = f"the server {said}, and whether it takes a grammar is unknown"
        elif special and kind != "llama.cpp":
            why = f"a grammar of {kind} cannot hold the special tokens of the template"
        elif not self._proves(kind, prompt):
            why = f"this {kind} server does not heed it"
        else:
            return kind
        logger.warning(
            "mentions are written freely, and those that are not in the text are left out: %s. Set "
            "the model setting `grammar` to 'llama.cpp', 'vllm' or 'sglang' to send grammars all "
            "the same, or to 'off' to go without this warning",
            why,
        )
        return "off"

    def _proves(self, kind: str, prompt: Prompt) -> bool:
        field, length = _field(kind, f'root ::= "{_PROOF}"\n'), len(_PROOF) + 1
        try:
            (answer,) = self._client.complete([prompt], length, field)
        except ServerError as error:
            if error.of_all:
                raise
            if isinstance(error, PassingError):
                self._check_server(prompt, length)
            logger.info("a grammar was refused: %s", error)
            return False
        return answer.text.strip() == _PROOF

    def _check_server(self, prompt: Prompt, length: int) -> None:
        """Raises ServerError where it is not for the grammar that there was no answer."""
        try:
            self._client.complete([prompt], length)
        except ServerError as error:
            error.of_all = True  # any other text would be asked for a proof first, too
            raise


def _field(kind: str, grammar: str) -> dict[str, Any]:
    match kind:
        case "llama.cpp":
            return {"grammar": grammar}
        case "vllm":  # since 0.12
            return {"structured_outputs": {"grammar": grammar}}
        case "sglang":
            return {"ebnf": grammar}
    return {}
