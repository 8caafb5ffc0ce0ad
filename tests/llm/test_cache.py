"""A cache folder that is damaged, full, shared or of another version costs work alone."""

import json
import math
import os
import resource
import shutil
import threading
import time
import warnings

import pytest
import spacy
from spacy.tokens import Doc, DocBin

pytest.importorskip("spacy_llm")
from spacy_llm.cache import BatchCache

from spacy_padellm.atomic import alone_in
from spacy_padellm.spacy_llm import cache as cache_module
from spacy_padellm.spacy_llm.cache import TextCache

from .inside import cache_of, hits
from .pipelines import TWO_STEPS, make

TEXTS = [f"Ada Lovelace came on day {i}." for i in range(6)]


def pipeline(path, **settings):
    block = {"@llm_misc": "spacy_padellm.BatchCache.v1", "path": str(path), "batch_size": 2,
             "max_batches_in_mem": 1, **settings}  # fmt: skip
    return make(None, model=TWO_STEPS, cache=block)


def entities(nlp):
    return [[(e.text, e.label_) for e in doc.ents] for doc in nlp.pipe(TEXTS)]


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
    "deleted": (4, lambda f: first(f).unlink()),
    "cut": (4, lambda f: first(f).write_bytes(first(f).read_bytes()[:50])),
    "empty": (4, lambda f: first(f).write_bytes(b"")),
    "noise": (4, lambda f: first(f).write_bytes(os.urandom(500))),
    "another's": (4, lambda f: of_another_version(first(f))),
    "all deleted": (0, lambda f: [path.unlink() for path in f.glob("*.spacy")]),
    "index cut": (5, lambda f: cut(f / "index.jsonl", -7)),
    "index gone": (0, lambda f: (f / "index.jsonl").unlink()),
    "index noise": (6, lambda f: append(f / "index.jsonl", NOISE)),
    "index of another": (6, lambda f: append(f / "index.jsonl", b'{"version": [9]}\n')),
    "not damaged": (6, lambda f: None),
}  # fmt: skip


def cut(path, at):
    path.write_bytes(path.read_bytes()[:at])


def append(path, data):
    path.write_bytes(path.read_bytes() + data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_read_is_asked_anew_and_said_once(folder, damage, caplog):
    expected = [[("Ada Lovelace", "PER")]] * 6
    left, do = DAMAGE[damage]
    do(folder)
    nlp = pipeline(folder)
    assert entities(nlp) == expected and hits(nlp) == left
    assert entities(nlp) == expected
    said = [r.message for r in caplog.records if f"cache in {folder} can be read" in r.message]
    assert len(caplog.records) == len(said)
    quiet = damage in ("not damaged", "index gone")
    assert len(said) == (0 if quiet else 1), said
    nlp("Ada Lovelace came again.")  # fills the batch that waits, if there is one
    healed = pipeline(folder)
    assert entities(healed) == expected and hits(healed) == 6


def test_a_folder_that_goes_while_it_is_used(folder):
    nlp = pipeline(folder)
    shutil.rmtree(folder)
    assert entities(nlp) == [[("Ada Lovelace", "PER")]] * 6
    again = pipeline(folder)
    assert entities(again) and hits(again) == 6


def test_a_file_that_goes_between_two_looks_at_it(folder):
    """Docs that were said to be there are given."""
    cache = cache_of(pipeline(folder))
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
        assert entities(nlp) == [[("Ada Lovelace", "PER")]] * 6
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = [record.message for record in caplog.records if "cannot be written" in record.message]
    assert len(said) == 1 and "File too large" in said[0]
    assert not list((tmp_path / "cache").glob(".*.half"))
    index = tmp_path / "cache" / "index.jsonl"
    assert not index.exists() or index.read_bytes()[-1:] in (b"", b"\n")
    entities(pipeline(tmp_path / "cache"))
    last = pipeline(tmp_path / "cache")
    assert entities(last) and hits(last) == 6


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
    last = pipeline(folder)
    assert entities(last) and hits(last) == 6 and not caplog.records
    monkeypatch.setattr(cache_module, "WAIT", 2.0)  # no setting: nobody else is in a hurry
    shutil.rmtree(folder)
    with alone_in(folder):
        nlp = pipeline(folder)
        began = time.monotonic()
        assert entities(nlp) == [[("Ada Lovelace", "PER")]] * 6
        assert entities(nlp) == [[("Ada Lovelace", "PER")]] * 6 and hits(nlp) == 6  # in memory
        assert time.monotonic() - began < 5  # waited for once
    (said,) = caplog.records
    assert "another run" in said.message and not list(folder.glob("*.spacy"))
    for i in range(2):
        nlp(f"Ada Lovelace came again {i}.")
    last = pipeline(folder)
    assert entities(last) and hits(last) == 6  # written when it could be


def test_a_busy_folder_fills_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "WAIT", 0.0)
    monkeypatch.setattr(cache_module, "MOST_WAITING", 3)
    with alone_in(tmp_path / "cache"):
        nlp = pipeline(tmp_path / "cache")
        assert entities(nlp) == [[("Ada Lovelace", "PER")]] * 6
        cache = nlp.get_pipe("llm")._cache
        assert sum(nlp.make_doc(text) in cache for text in TEXTS) == 3


def test_what_a_thread_was_promised_is_not_taken_by_another(folder):
    cache = pipeline(folder).get_pipe("llm")._cache
    docs = [spacy.blank("en").make_doc(text) for text in TEXTS]
    assert all(doc in cache for doc in docs)
    for path in folder.glob("*.spacy"):
        path.unlink()

    def look():
        found.extend([cache[docs[0]], docs[1] in cache])

    found = []
    other = threading.Thread(target=look)
    other.start()
    other.join()
    assert len(found) == 2  # whether or not it had them in memory
    assert [cache[doc].text for doc in docs] == TEXTS


def test_a_folder_of_spacy_llm_is_of_no_use_and_no_harm(tmp_path):
    nlp = spacy.blank("en")
    theirs = BatchCache(tmp_path / "cache", 2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in TEXTS:
            theirs.add(nlp.make_doc(text))
    ours = pipeline(tmp_path / "cache")
    assert entities(ours) == [[("Ada Lovelace", "PER")]] * 6 and hits(ours) == 0


def test_an_answer_is_kept_for_what_was_asked_then(tmp_path):
    """Labels, and what later components do to a Doc, may change before it is written."""
    nlp = pipeline(tmp_path / "cache", batch_size=3)
    doc = nlp(TEXTS[0])
    doc.ents = []
    nlp.get_pipe("llm").add_label("CITY")
    list(nlp.pipe(TEXTS[1:3]))
    again = pipeline(tmp_path / "cache", batch_size=3)
    found = again(TEXTS[0])
    assert hits(again) == 1 and [e.text for e in found.ents] == ["Ada Lovelace"]
    assert not any("padellm" in str(key) and "key" in str(key) for key in found.user_data)
    assert again.make_doc(TEXTS[1]) not in cache_of(again)


@pytest.mark.parametrize("name", ["batch_size", "max_batches_in_mem"])
def test_settings_are_checked(tmp_path, name):
    for value in (0, -1, True, 1.5, math.nan, 2**70):
        with pytest.raises(ValueError, match=f"{name} of the cache is .*a whole number"):
            TextCache(tmp_path, **{"batch_size": 2, "max_batches_in_mem": 2, name: value})
    with pytest.raises(ValueError, match=f"{name} of the cache is 0"):
        pipeline(tmp_path, **{name: 0})
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"):
        pipeline(tmp_path / "file")
    assert isinstance(pipeline(tmp_path / "new")(TEXTS[0]), Doc)


def test_answers_outlive_the_memory_zone_that_they_were_given_in(tmp_path, caplog):
    nlp = pipeline(tmp_path / "cache", batch_size=2)
    for _ in range(3):
        with nlp.memory_zone():
            for doc in nlp.pipe([*TEXTS[:3], "Zoltan met Ada Lovelace."]):
                assert [e.text for e in doc.ents]
    assert not caplog.records
    last = pipeline(tmp_path / "cache")
    with last.memory_zone():
        assert entities(last)
        assert hits(last) >= 2
