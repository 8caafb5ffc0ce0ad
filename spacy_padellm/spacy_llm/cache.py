"""The cache "spacy_padellm.BatchCache.v1": spacy-llm's, with a key that tells Docs apart.

spacy-llm adds up the hashes of a Doc's words, so that "dog bites man" is answered with what was
found in "man bites dog", and looks at the task's labels once, before they may have been set. Here
the key is a digest of the text, its tokens, what the task asks at that moment, the labels that the
Doc names for itself, and the model.

A cache is there to save work: what cannot be read is asked again, and what cannot be written is
not kept; either is said once.
"""

import atexit
import hashlib
import json
import logging
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from spacy_llm.cache import BatchCache
from spacy_llm.ty import PromptTemplateProvider

from ..architectures.config_values import keeps_settings
from ..atomic import BusyError, alone_in, append_whole, whole_file
from ..formats.json_text import read_json
from ..lm.locks import ForkLock
from ..logs import first_line
from ..pipeline.doc_labels import own_labels
from ..spans.numeric import check_number

logger = logging.getLogger(__name__)
_KEY = "padellm_cache_key"  # in the user data of a Doc on disk
WAIT = 10.0  # seconds, for another pipeline that writes to the same folder; once a process
MOST_WAITING = 10_000  # Docs in memory, where that folder stays busy


class _Looks(threading.local):
    """Of one thread: Docs that were found to be there, until they are asked for (their file may go
    meanwhile), and whether some of them were."""

    def __init__(self) -> None:
        self.ready: dict[int, Doc] = {}
        self.was_asked = False


class TextCache(BatchCache):
    """Docs that were answered, on disk; nothing where `path` is None.

    model: what gave the answers, in any words. Docs wait until there are `batch_size` of them, or
    until the process ends, and are found meanwhile, too.

    Raises ValueError for a path that is a file, and for sizes that are no whole numbers from 1.
    """

    def __init__(
        self, path: str | Path | None, batch_size: int, max_batches_in_mem: int, model: str = ""
    ) -> None:
        for name, value in (("batch_size", batch_size), ("max_batches_in_mem", max_batches_in_mem)):
            check_number(f"{name} of the cache", value, least=1, whole=True)
        self._told: set[str] = set()
        self._lock = ForkLock()
        self._looks = _Looks()
        self._waiting: dict[int, bytes] = {}
        self._wait = WAIT
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

    def add(self, doc: Doc) -> None:
        """Keeps a Doc as it is now, answered to what the task asks now."""
        if self._path is None:
            return
        with self._lock:
            key = self._doc_id(doc)
            try:
                self._waiting[key] = _pack(doc, key)
            except Exception as error:  # of user data of all kinds
                self._tell_unwritable(error)
                return
            self._stats["added"] += 1
            if len(self._waiting) >= self._batch_size:
                self._persist()

    def __contains__(self, doc: Doc) -> bool:
        """Whether it is there and can be read."""
        with self._lock:
            looks = self._looks
            if looks.was_asked:
                looks.ready, looks.was_asked = {}, False
            key = self._doc_id(doc)
            found = self._find(key)
            self._stats["missed_contains" if found is None else "hit_contains"] += 1
            if found is None:
                return False
            looks.ready[key] = found
            return True

    def __getitem__(self, doc: Doc) -> Doc | None:
        """A Doc of its own each time: two equal texts are two Docs. None where there is none."""
        with self._lock:
            looks = self._looks
            looks.was_asked = True
            key = self._doc_id(doc)
            found = looks.ready[key] if key in looks.ready else self._find(key)
            self._stats["missed" if found is None else "hit"] += 1
            return None if found is None else found.copy()

    def _find(self, key: int) -> Doc | None:
        assert self._vocab is not None
        if key in self._waiting:
            return _unpack(self._waiting[key], self._vocab)
        batch = self._doc2batch.get(key)
        if batch is None:
            return None
        if batch not in self._loaded_docs:
            docs = self._read_batch(batch)
            if docs is None:
                for lost in [k for k, of in self._doc2batch.items() if of == batch]:
                    del self._doc2batch[lost]
                return None
            while len(self._loaded_docs) >= self.max_batches_in_mem:
                del self._loaded_docs[next(iter(self._loaded_docs))]
            self._loaded_docs[batch] = docs
        packed = self._loaded_docs[batch].get(key)
        found = None if packed is None else _unpack(packed, self._vocab)
        if found is None:  # the index says otherwise
            self._tell_unreadable(f"{self._batch_path(batch).name} lacks a text of the index")
            del self._doc2batch[key]
        return found

    def _read_batch(self, batch: int) -> dict[int, bytes] | None:
        path = self._batch_path(batch)
        assert self._vocab is not None
        found = {}
        try:
            for doc in DocBin(store_user_data=True).from_disk(path).get_docs(self._vocab):
                key = int(doc.user_data.get(_KEY) or self._doc_id(doc))
                found[key] = _pack(doc, key)
        except Exception as error:  # whatever the bytes lead to
            self._tell_unreadable(f"{path.name}: {first_line(error)}")
            return None
        return found

    def _init_cache_dir(self) -> None:
        if self._path is None:
            return
        if self._path.exists() and not self._path.is_dir():
            raise ValueError(f"the cache's path {self._path} is a file: name a folder")
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            data = self._index_path.read_bytes() if self._index_path.exists() else b""
        except OSError as error:
            self._tell_unreadable(first_line(error))
            return
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                entries = read_json(line) if line.strip() else {}
                self._doc2batch.update({int(key): int(batch) for key, batch in entries.items()})
            except (ValueError, TypeError, AttributeError, OverflowError):
                self._tell_unreadable(f"line {number} of {self._index_path.name}")

    def _persist(self) -> None:
        """Writes the Docs that wait, as a file that is whole, then their lines of the index."""
        assert self._path is not None
        with self._lock:
            batch = self._batch_id(self._waiting)
            try:
                with alone_in(self._path, self._wait, tidy=not self._stats["persisted"]):
                    self._write(batch)
            except BusyError as error:
                self._wait = 0.0  # the next batches try, and wait no more
                self._tell("the cache in %s is busy (%s): answers are kept in memory", str(error))
                for key in list(self._waiting)[:-MOST_WAITING]:
                    del self._waiting[key]
                return
            except Exception as error:  # of user data of all kinds, too
                self._tell_unwritable(error)
            else:
                self._loaded_docs.pop(batch, None)
                self._doc2batch.update(dict.fromkeys(self._waiting, batch))
                self._stats["persisted"] += len(self._waiting)
            self._waiting = {}

    def _write(self, batch: int) -> None:
        box = DocBin(store_user_data=True)
        for packed in self._waiting.values():
            box.merge(DocBin(store_user_data=True).from_bytes(packed))
        lines = "".join(json.dumps({str(key): str(batch)}) + "\n" for key in self._waiting)
        with whole_file(self._batch_path(batch)) as fresh:
            fresh.write_bytes(box.to_bytes())
        append_whole(self._index_path, lines.encode("utf8"))

    def _doc_id(self, doc: Doc) -> int:
        asked = "" if self._task is None else self._task.prompt_template
        digest = hashlib.blake2b(digest_size=8)
        for part in (self._model, asked, doc.text):
            data = part.encode("utf8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        for token in doc:
            digest.update(token.idx.to_bytes(4, "little") + len(token).to_bytes(4, "little"))
        if (own := own_labels(doc)) is not None:
            digest.update(json.dumps(sorted(own)).encode("utf8"))
        return int.from_bytes(digest.digest(), "little")

    @staticmethod
    def _batch_id(doc_ids: Iterable[int]) -> int:
        digest = hashlib.blake2b(digest_size=8)
        for doc_id in doc_ids:
            digest.update(doc_id.to_bytes(8, "little"))
        return int.from_bytes(digest.digest(), "little")

    def _tell_unreadable(self, what: str) -> None:
        self._tell("not all of the cache in %s can be read (%s): such texts are asked anew", what)

    def _tell_unwritable(self, error: Exception) -> None:
        said = first_line(error)
        self._tell("the cache in %s cannot be written (%s): answers are not kept there", said)

    def _tell(self, message: str, what: str) -> None:
        if message not in self._told:
            self._told.add(message)
            logger.warning(message, self._path, what)


def _pack(doc: Doc, key: int) -> bytes:
    """A Doc as it is now, with its strings: those of a memory zone are gone behind it."""
    kept = doc.copy()
    kept.user_data = {**doc.user_data, _KEY: str(key)}
    return DocBin(docs=[kept], store_user_data=True).to_bytes()


def _unpack(packed: bytes, vocab: Vocab) -> Doc:
    (doc,) = DocBin(store_user_data=True).from_bytes(packed).get_docs(vocab)
    doc.user_data.pop(_KEY, None)
    return doc


def _persist(cache: "weakref.ref[TextCache]") -> None:
    found = cache()
    if found is not None and found._waiting:
        found._persist()


@keeps_settings()
def make_cache(
    path: str | Path | None = None,
    batch_size: int = 64,
    max_batches_in_mem: int = 4,
    model: str = "",
) -> TextCache:
    """The cache "spacy_padellm.BatchCache.v1".

    path, batch_size, max_batches_in_mem: as in spacy-llm's "spacy.BatchCache.v1".
    model: a name for what gives the answers, such as ${components.llm.model.name}; change it with
    any setting of the model that changes them.
    """
    return TextCache(path, batch_size, max_batches_in_mem, model)
