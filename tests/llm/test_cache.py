"""A cache folder that is damaged, full, shared or of another version costs work alone."""

import json
import os
import resource
import shutil
import threading
import warnings

import pytest
import spacy
from spacy.tokens import Doc, DocBin

pytest.importorskip("spacy_llm")
from spacy_llm.cache import BatchCache

from spacy_padellm.atomic import alone_in
from spacy_padellm.spacy_llm import cache as cache_module

from .test_llm import CALLS, TWO_STEPS, make

TEXTS = [f"Ada Lovelace came on day {i}." for i in range(6)]
EXPECTED = [[("Ada Lovelace", "PER")]] * 6


def pipeline(path, **settings):
    block = {"@llm_misc": "spacy_padellm.BatchCache.v1", "path": str(path), "batch_size": 2,
             "max_batches_in_mem": 1, **settings}  # fmt: skip
    return make(None, model=TWO_STEPS, cache=block)


def entities(nlp):
    return [[(e.text, e.label_) for e in doc.ents] for doc in nlp.pipe(TEXTS)]


def asked(work):
    """What `work()` returns, and of how many texts the model was asked."""
    CALLS.clear()
    result = work()
    prompts = [prompt for call in CALLS for of_doc in call for prompt in of_doc]
    return result, sum(prompt.endswith("Mentions of PER:") for prompt in prompts)


@pytest.fixture
def folder(tmp_path):
    nlp = pipeline(tmp_path / "cache")
    entities(nlp)
    assert len(list((tmp_path / "cache").glob("*.spacy"))) == 3
    return tmp_path / "cache"


def of_another_version(path):
    """A batch as it would be if its Docs had other texts, and other keys."""
    nlp = spacy.blank("en")
    DocBin(docs=[nlp.make_doc("another"), nlp.make_doc("text")]).to_disk(path)


def first(folder):
    return sorted(folder.glob("*.spacy"))[0]


NOISE = b'\xff\x00{"a": 1}\n[1]\n7\n{"1": 1e999}\n'
DAMAGE = {
    "deleted": (2, lambda f: first(f).unlink()),
    "cut": (2, lambda f: first(f).write_bytes(first(f).read_bytes()[:50])),
    "empty": (2, lambda f: first(f).write_bytes(b"")),
    "noise": (2, lambda f: first(f).write_bytes(os.urandom(500))),
    "another's": (2, lambda f: of_another_version(first(f))),
    "all deleted": (6, lambda f: [path.unlink() for path in f.glob("*.spacy")]),
    "index cut": (1, lambda f: cut(f / "index.jsonl", -7)),
    "index gone": (6, lambda f: (f / "index.jsonl").unlink()),
    "index noise": (0, lambda f: append(f / "index.jsonl", NOISE)),
    "index of another": (0, lambda f: append(f / "index.jsonl", b'{"version": [9]}\n')),
    "not damaged": (0, lambda f: None),
}  # fmt: skip


def cut(path, at):
    path.write_bytes(path.read_bytes()[:at])


def append(path, data):
    path.write_bytes(path.read_bytes() + data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_read_is_asked_anew_and_said_once(folder, damage, caplog):
    lost, do = DAMAGE[damage]
    do(folder)
    nlp = pipeline(folder)
    assert asked(lambda: entities(nlp)) == (EXPECTED, lost)
    assert entities(nlp) == EXPECTED
    said = [r.message for r in caplog.records if f"cache in {folder} can be read" in r.message]
    assert len(caplog.records) == len(said)
    quiet = damage in ("not damaged", "index gone")
    assert len(said) == (0 if quiet else 1), said
    assert asked(lambda: entities(pipeline(folder))) == (EXPECTED, 0)


def test_a_folder_that_goes_while_it_is_used(folder):
    nlp = pipeline(folder)
    shutil.rmtree(folder)
    assert entities(nlp) == EXPECTED
    assert asked(lambda: entities(pipeline(folder))) == (EXPECTED, 0)


def test_a_file_that_goes_between_two_looks_at_it(folder):
    """Docs that were said to be there are given."""
    cache = pipeline(folder).get_pipe("llm")._cache
    docs = [spacy.blank("en").make_doc(text) for text in TEXTS]
    assert all(doc in cache for doc in docs)
    for path in folder.glob("*.spacy"):
        path.unlink()
    assert [cache[doc].text for doc in docs] == TEXTS


@pytest.mark.parametrize("limit", [0, 200])
def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path, limit, caplog):
    nlp = pipeline(tmp_path / "cache")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        assert entities(nlp) == EXPECTED
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = [record.message for record in caplog.records if "cannot be written" in record.message]
    assert len(said) == 1 and "File too large" in said[0]
    assert not list((tmp_path / "cache").glob(".*.half"))
    index = tmp_path / "cache" / "index.jsonl"
    assert not index.exists() or index.read_bytes()[-1:] in (b"", b"\n")
    entities(pipeline(tmp_path / "cache"))
    assert asked(lambda: entities(pipeline(tmp_path / "cache"))) == (EXPECTED, 0)


def test_lines_of_the_index_are_written_all_or_none(tmp_path):
    path = tmp_path / "index.jsonl"
    path.write_bytes(b"x" * 500)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            cache_module._append(path, b"y" * 400)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"x" * 500
    cache_module._append(path, b"y\n")
    assert path.read_bytes() == b"x" * 500 + b"\ny\n"


def test_what_cannot_be_kept_is_not(tmp_path, caplog):
    """User data that no file holds, or that cannot be copied."""

    class NoCopy:
        def __deepcopy__(self, memo):
            raise TypeError("no copy")

    nlp = pipeline(tmp_path / "cache", batch_size=1)
    for value in (object(), NoCopy()):
        doc = nlp.make_doc(TEXTS[0])
        doc.user_data["mine"] = value
        assert nlp.get_pipe("llm")(doc).ents
    assert len([r for r in caplog.records if "cannot be written" in r.message]) == 1


def test_writers_wait_for_each_other_and_not_for_ever(tmp_path, monkeypatch, caplog):
    folder = tmp_path / "cache"
    pipes = [pipeline(folder) for _ in range(4)]
    threads = [threading.Thread(target=entities, args=[nlp]) for nlp in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(json.loads(line) for line in (folder / "index.jsonl").open())
    assert asked(lambda: entities(pipeline(folder))) == (EXPECTED, 0) and not caplog.records
    monkeypatch.setattr(cache_module, "_WAIT", 0.1)
    shutil.rmtree(folder)
    with alone_in(folder):
        assert entities(pipeline(folder)) == EXPECTED
    assert "another run" in caplog.text


def test_a_folder_of_spacy_llm_is_of_no_use_and_no_harm(tmp_path):
    nlp = spacy.blank("en")
    theirs = BatchCache(tmp_path / "cache", 2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in TEXTS:
            theirs.add(nlp.make_doc(text))
    assert asked(lambda: entities(pipeline(tmp_path / "cache"))) == (EXPECTED, 6)


def test_an_answer_is_kept_for_what_was_asked_then(tmp_path):
    """Labels, and what later components do to a Doc, may change before it is written."""
    nlp = pipeline(tmp_path / "cache", batch_size=3)
    doc = nlp(TEXTS[0])
    doc.ents = []
    nlp.get_pipe("llm").add_label("CITY")
    list(nlp.pipe(TEXTS[1:3]))
    again = pipeline(tmp_path / "cache", batch_size=3)
    found, n = asked(lambda: again(TEXTS[0]))
    assert n == 0 and [e.text for e in found.ents] == ["Ada Lovelace"]
    assert not any("padellm" in str(key) and "key" in str(key) for key in found.user_data)
    assert again.make_doc(TEXTS[1]) not in again.get_pipe("llm")._cache


@pytest.mark.parametrize("name", ["batch_size", "max_batches_in_mem"])
def test_settings_are_checked(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name} of the cache is 0"):
        pipeline(tmp_path, **{name: 0})
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"):
        pipeline(tmp_path / "file")
    assert isinstance(pipeline(tmp_path / "new")(TEXTS[0]), Doc)
