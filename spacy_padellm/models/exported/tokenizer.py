"""A tokenizer read by `tokenizers` alone, with what prompts ask of one of transformers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from ...extras import need
from ..files.json_file import broken, read_checked
from ..files.schemas import ObjectFile, TokenizerConfigFile, TokenizerFile
from ..files.trouble import foreign
from ..place import ModelPlace

_TOKENS = ("bos_token", "eos_token", "unk_token")


class FastTokenizer:
    """backend: reads whole texts; the names of special tokens in them are letters like others.
    bos_token, eos_token, unk_token: as the tokenizer of transformers has them, None where it has
    none."""

    is_fast = True

    def __init__(
        self,
        backend: Tokenizer,
        bos_token: str | None = None,
        eos_token: str | None = None,
        unk_token: str | None = None,
    ) -> None:
        self.backend_tokenizer = backend
        self.tokens = {"bos_token": bos_token, "eos_token": eos_token, "unk_token": unk_token}
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True
        self.bos_token_id, self.eos_token_id, self.unk_token_id = (
            None if token is None else backend.token_to_id(token) for token in self.tokens.values()
        )

    @classmethod
    def read(cls, path: Path, tokens: Mapping[str, str | None]) -> "FastTokenizer":
        """Raises what tokenizers raises for a file that is broken."""
        return cls(Tokenizer.from_file(str(path)), **tokens)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        return self.backend_tokenizer.get_added_tokens_decoder()

    def __len__(self) -> int:
        return int(self.backend_tokenizer.get_vocab_size(with_added_tokens=True))

    def __call__(
        self, text: str, add_special_tokens: bool = True, **_options: Any
    ) -> dict[str, list[Any]]:
        """The options of transformers are those that prompts give: offsets, and nothing special."""
        found = self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens)
        return {"input_ids": found.ids, "offset_mapping": found.offsets}

    def convert_tokens_to_ids(self, token: str) -> int | None:
        found = self.backend_tokenizer.token_to_id(token)
        return self.unk_token_id if found is None else found

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return str(self.backend_tokenizer.decode(list(ids), skip_special_tokens))

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_text, (self.backend_tokenizer.to_str(), self.tokens)


def _from_text(text: str, tokens: Mapping[str, str | None]) -> FastTokenizer:
    return FastTokenizer(Tokenizer.from_str(text), **tokens)


def read_alone(place: ModelPlace) -> FastTokenizer:
    """The tokenizer of a model's folder, where transformers is not installed. Raises ValueError
    naming the file for one that is broken, and NotInstalledError for a tokenizer that is more than
    its tokenizer.json."""
    path = place.file("tokenizer.json")
    if path is None:
        need("torch", f"the tokenizer of {place.described}, which has no tokenizer.json,")
        raise ValueError(f"{place.described} has no tokenizer.json")
    read_checked(path, TokenizerFile)
    settings = {
        **_extra(place, "special_tokens_map.json", ObjectFile),
        **_extra(place, "tokenizer_config.json", TokenizerConfigFile),
    }
    tokens = {name: _content(settings.get(name)) for name in _TOKENS}
    with foreign(lambda why: broken(path, why)):
        found = FastTokenizer.read(path, tokens)
    begins = found.bos_token_id is not None and found.bos_token_id in found("a")["input_ids"]
    if settings.get("add_bos_token", begins) not in (begins, None):
        need("torch", f"the tokenizer of {place.described}, which is more than tokenizer.json,")
    return found


def _extra(place: ModelPlace, name: str, schema: type[Any]) -> dict[str, Any]:
    path = place.file(name)
    return dict(read_checked(path, schema).model_extra or {}) if path else {}


def _content(token: Any) -> str | None:
    """Of a special token, which is a string, or an object that has one."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None
