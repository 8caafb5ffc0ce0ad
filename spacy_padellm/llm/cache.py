"""The cache "spacy_padellm.BatchCache.v1": spacy-llm's, with a key that tells Docs apart.

spacy-llm adds up the hashes of a Doc's words, so that "dog bites man" is answered with what was
found in "man bites dog", and looks at the task's labels once, before they may have been set. Here
the key is a digest of the text, its tokens, what the task asks at that moment, and the model.
"""

import atexit
import hashlib
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab
from spacy_llm.cache import BatchCache
from spacy_llm.ty import PromptTemplateProvider

from ..config_values import keeps_settings


class TextCache(BatchCache):
    """Docs that were answered, on disk; nothing where `path` is None.

    model: what gave the answers, in any words. Docs wait until there are `batch_size` of them, or
    until the process ends.
    """

    def __init__(
        self, path: str | Path | None, batch_size: int, max_batches_in_mem: int, model: str = ""
    ) -> None:
        super().__init__(path, batch_size, max_batches_in_mem)
        self._model = model
        self._task: Any = None
        if self._path is not None:
            atexit.register(_persist, weakref.ref(self))

    def initialize(self, vocab: Vocab, task: Any) -> None:
        """task: asked for its `prompt_template` whenever a Doc is looked up."""
        self._vocab = vocab
        self._task = task if isinstance(task, PromptTemplateProvider) else None
        self._prompt_template = ""  # part of each key: a folder may hold answers to many questions

    def __getitem__(self, doc: Doc) -> Doc | None:
        """A Doc of its own each time: two equal texts are two Docs."""
        found = super().__getitem__(doc)
        return None if found is None else found.copy()

    def _doc_id(self, doc: Doc) -> int:
        asked = "" if self._task is None else self._task.prompt_template
        digest = hashlib.blake2b(digest_size=8)
        for part in (self._model, asked, doc.text):
            data = part.encode("utf8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        for token in doc:
            digest.update(token.idx.to_bytes(4, "little") + len(token).to_bytes(4, "little"))
        return int.from_bytes(digest.digest(), "little")

    @staticmethod
    def _batch_id(doc_ids: Iterable[int]) -> int:
        digest = hashlib.blake2b(digest_size=8)
        for doc_id in doc_ids:
            digest.update(doc_id.to_bytes(8, "little"))
        return int.from_bytes(digest.digest(), "little")


def _persist(cache: "weakref.ref[TextCache]") -> None:
    found = cache()
    if found is not None and found._cache_queue:
        found._persist()


@keeps_settings()
def make_cache(
    path: str | Path | None = None,
    batch_size: int = 64,
    max_batches_in_mem: int = 4,
    model: str = "",
) -> TextCache:
    """The cache "spacy_padellm.BatchCache.v1"; fields as in "spacy.BatchCache.v1".

    model: what gives the answers, such as ${components.llm.model.name}; to be changed with any
    setting of the model that changes them.
    """
    return TextCache(path, batch_size, max_batches_in_mem, model)
