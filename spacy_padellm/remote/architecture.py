"""The model "spacy_padellm.Server.v1" that a config can name."""

from typing import Any

from thinc.api import Model

from ..architectures.config_values import keeps_settings
from ..prompts.template import PromptTemplate
from .settings import ServerSettings
from .shim import ServerShim


@keeps_settings()
def build_server(
    url: str,
    model: str,
    tokenizer: str,
    template: PromptTemplate | None = None,
    prompts: str = "ids",
    concurrency: int = 32,
    tries: int = 5,
    timeout: float = 60.0,
    max_positions: int | None = None,
    api_key_env: str = "OPENAI_API_KEY",
    extra: dict[str, Any] | None = None,
    grammar: str = "auto",
) -> Model[Any, Any]:
    """A fine-tuned causal LM behind an OpenAI-compatible completions endpoint.

    url: up to and including /v1.
    model: its name there.
    tokenizer: folder or Hub id of the same model's tokenizer.
    template: the one used in training; None takes the one that this package saved beside the
    tokenizer, or "plain".
    prompts: "ids" (vLLM, SGLang, llama.cpp) or "text" (llama-cpp-python, TGI).
    concurrency: the number of simultaneous requests.
    tries: how often to send a request that fails for a temporary reason (refused, cut off, slow,
    429, 5xx).
    timeout: seconds that an answer may take, from the request to its last byte.
    max_positions: tokens that the model takes.
    api_key_env: the environment variable with the key; a value that begins with a scheme
    ("Basic ...") is sent unchanged.
    extra: further fields for each request.
    grammar: how mentions are constrained to slices of the text, where `copy_constraint` is true:
    "auto" asks the server what it is and tries; "llama.cpp", "vllm" or "sglang" sends that server's
    fields without asking; "off" lets the model write freely.

    Raises ValueError for a value out of its range.
    """
    given = {**locals(), "extra": dict(extra or {})}
    names = ServerSettings.__dataclass_fields__
    server = ServerSettings(**{name: given[name] for name in names if name in given})
    shim = ServerShim(server, tokenizer, template, prompts, max_positions)
    return Model("padellm_server", _forward, shims=[shim])


def _forward(model: Model, batch: Any, is_train: bool) -> Any:
    return model.shims[0](batch, is_train)
