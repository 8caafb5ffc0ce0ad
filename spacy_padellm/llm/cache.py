"""The cache "spacy_padellm.BatchCache.v1": spacy-llm's, with a key that tells texts apart.

spacy-llm adds up the hashes of a Doc's words, so that "dog bites man" is answered with what was
found in "man bites dog". Here the key is a digest of the text and its tokens. Another question,
or another model, is refused by the folder: the task's `prompt_template` names labels, definitions,
examples and settings, and `model` is written beside it.
"""

import hashlib
from pathlib import Path
from typing import Iterable  # noqa: UP035

from spacy.tokens import Doc
from spacy_llm.cache import BatchCache


class TextCache(BatchCache):
    """Docs that were answered, on disk; nothing where `path` is None.

    model: what gave the answers, for a folder is not told by spacy-llm. Raises ValueError for a
    folder that was filled by another task or model.
    """

    def __init__(
        self,
        path: str | Path | None,
        batch_size: int,
        max_batches_in_mem: int,
        model: str = "",
    ) -> None:
        super().__init__(path, batch_size, max_batches_in_mem)
        self._model = model

    @property
    def prompt_template(self) -> str | None:
        """What is asked, and of which model."""
        return BatchCache.prompt_template.fget(self)  # type: ignore[attr-defined]

    @prompt_template.setter
    def prompt_template(self, prompt_template: str) -> None:
        asked = f"{prompt_template}\n{self._model}" if self._model else prompt_template
        BatchCache.prompt_template.fset(self, asked)  # type: ignore[attr-defined]

    @staticmethod
    def _doc_id(doc: Doc) -> int:
        digest = hashlib.blake2b(doc.text.encode("utf8", "surrogatepass"), digest_size=8)
        for token in doc:
            digest.update(token.idx.to_bytes(4, "little") + len(token).to_bytes(4, "little"))
        return int.from_bytes(digest.digest(), "little")

    @staticmethod
    def _batch_id(doc_ids: Iterable[int]) -> int:
        digest = hashlib.blake2b(digest_size=8)
        for doc_id in doc_ids:
            digest.update(doc_id.to_bytes(8, "little"))
        return int.from_bytes(digest.digest(), "little")


def make_cache(
    path: str | Path | None = None,
    batch_size: int = 64,
    max_batches_in_mem: int = 4,
    model: str = "",
) -> TextCache:
    """The cache "spacy_padellm.BatchCache.v1"; fields as in "spacy.BatchCache.v1".

    model: the name of the model, such as ${components.llm.model.name}.
    """
    return TextCache(path, batch_size, max_batches_in_mem, model)
