"""Readers of configs: files of any format, mixtures with labels of their own."""

import itertools
import json
import math
from collections import Counter

import pytest
import spacy
from spacy.tokens import DocBin, Span
from spacy.training import Example
from spacy.util import registry
from thinc.api import Config

from spacy_padellm.formats.annotated_text import FormatError
from spacy_padellm.formats.doc_gold import GoldSource
from spacy_padellm.pipeline.corpora import make_corpus
from spacy_padellm.pipeline.mixture import make_mixture

PEOPLE = [
    ("Ada met Bob.", [[0, 3, "PER"], [8, 11, "PER"]]),
    ("No one.", []),
    ("Cy ran.", [[0, 2, "PER"]]),
]
PLACES = [("Ada saw Rome.", [[8, 12, "LOC"]]), ("Oslo is cold.", [[0, 4, "LOC"]])]


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def files(tmp_path):
    paths = {}
    for name, texts in (("people", PEOPLE), ("places", PLACES)):
        paths[name] = tmp_path / f"{name}.jsonl"
        lines = [json.dumps({"text": text, "ents": ents}) for text, ents in texts]
        paths[name].write_text("\n".join(lines))
    return paths


def test_a_file_of_any_format_is_a_corpus(files, nlp, tmp_path):
    read = registry.readers.get("spacy_padellm.Corpus.v1")(str(files["people"]))
    found = [(eg.reference.text, [ent.text for ent in eg.reference.ents]) for eg in read(nlp)]
    assert found == [("Ada met Bob.", ["Ada", "Bob"]), ("No one.", []), ("Cy ran.", ["Cy"])]
    assert all(not eg.predicted.ents for eg in read(nlp))
    DocBin(docs=[eg.reference for eg in read(nlp)]).to_disk(tmp_path / "a.spacy")
    again = make_corpus(tmp_path / "a.spacy", limit=2)(nlp)
    assert [eg.reference.text for eg in again] == ["Ada met Bob.", "No one."]


def test_a_broken_line_is_named(files, nlp):
    files["people"].write_text('{"text": "fine", "ents": []}\n{"text": "cut off", "en')
    with pytest.raises(FormatError, match=r"people\.jsonl:2: not JSON"):
        list(make_corpus(files["people"])(nlp))
    with pytest.raises(FormatError, match=r"nowhere\.jsonl: there is no such file"):
        list(make_corpus("nowhere.jsonl")(nlp))
    with pytest.raises(ValueError, match=r"paths\.train"):
        list(make_corpus(None)(nlp))


def test_a_broken_spacy_file_is_named(nlp, tmp_path):
    (tmp_path / "a.spacy").write_bytes(b"nothing of the kind")
    with pytest.raises(FormatError, match=r"a\.spacy"):
        list(make_corpus(tmp_path / "a.spacy")(nlp))


def test_docs_are_annotated_where_the_corpus_says(nlp, tmp_path):
    """What a `.spacy` file has in the other place alone is moved, and nothing else."""
    ents, group, partly, bare = (nlp("Ada saw Bank of Rome.") for _ in range(4))
    ents.set_ents([Span(ents, 0, 1, "PER")])
    group.spans["sc"] = [Span(group, 2, 5, "ORG"), Span(group, 4, 5, "LOC")]
    partly.set_ents([Span(partly, 0, 1, "PER")], missing=[partly[2:5]])
    DocBin(docs=[ents, group, partly, bare]).to_disk(tmp_path / "a.spacy")

    def read(annotate, place):
        corpus = make_corpus(tmp_path / "a.spacy", annotate=annotate)
        golds = [GoldSource(place, "sc").read(eg.reference) for eg in corpus(nlp)]
        return [gold and [gold.text[start:end] for start, end, _ in gold.spans] for gold in golds]

    assert read("ents", "ents") == [["Ada"], ["Bank of Rome"], ["Ada"], None]
    assert read("spans", "spans") == [["Ada"], ["Bank of Rome", "Rome"], None, None]
    assert read("both", "ents") == [["Ada"], None, ["Ada"], None]
    assert read("both", "spans") == [None, ["Bank of Rome", "Rome"], None, None]


def test_a_mixture_draws_by_weight_and_knows_who_annotated_what(files, nlp):
    corpora = {name: make_corpus(path) for name, path in files.items()}
    mixture = make_mixture(corpora, {"people": 2.0, "places": 0.5})
    first = list(mixture(nlp))
    counts = Counter(eg.reference.text for eg in first)
    assert [counts[text] for text, _ in PEOPLE] == [2, 2, 2]
    assert sum(counts[text] for text, _ in PLACES) == 1
    asked = {eg.reference.text: eg.reference._.padellm_labels for eg in first}
    assert asked["No one."] == ["PER"]
    epochs = [[eg.reference.text for eg in mixture(nlp)] for _ in range(8)]
    assert len({epoch[0] for epoch in epochs}) > 1
    assert {text for epoch in epochs for text in epoch} > {text for text, _ in PLACES}
    # The same from its beginning, so that a run can be resumed.
    again = make_mixture(corpora, {"people": 2.0, "places": 0.5})
    assert [eg.reference.text for eg in again(nlp)] == [eg.reference.text for eg in first]


def test_a_mixture_reads_its_files_for_the_first_epoch_alone(files, nlp):
    mixture = make_mixture({name: make_corpus(path) for name, path in files.items()})
    first = sorted(eg.reference.text for eg in mixture(nlp))
    for path in files.values():
        path.unlink()
    assert sorted(eg.reference.text for eg in mixture(nlp)) == first
    with pytest.raises(FormatError, match="there is no such file"):
        list(mixture(spacy.blank("en")))  # whose Docs are of another vocabulary
    numbers = itertools.count()

    def others(nlp):
        doc = nlp.make_doc(f"Ada number {next(numbers)}")
        doc.set_ents([Span(doc, 0, 1, "PER")])
        yield Example(nlp.make_doc(doc.text), doc)

    varied = make_mixture({"others": others})
    assert [eg.reference.text for _ in range(2) for eg in varied(nlp)] == [
        "Ada number 0",
        "Ada number 1",
    ]


def test_texts_of_a_corpus_together(files, nlp):
    """Of a corpus of 30 texts and one of 20, five of the same follow each other."""
    corpora = {name: make_corpus(path) for name, path in files.items()}
    weights = {"people": 10.0, "places": 10.0}
    people = {text for text, _ in PEOPLE}
    runs = {}
    for together in (1, 5):
        read = make_mixture(corpora, weights, together=together)(nlp)
        order = [eg.reference.text in people for eg in read]
        assert sum(order) == 30 and len(order) == 50
        runs[together] = [len(list(run)) for _, run in itertools.groupby(order)]
    assert all(run % 5 == 0 for run in runs[5]) and min(runs[1]) < 5
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="together"):
            make_mixture(corpora, together=wrong)


def test_a_mixture_is_read_from_a_config(files, nlp):
    text = f"""
[corpora]
[corpora.train]
@readers = "spacy_padellm.Mixture.v1"
weights = {{"people": 2.0}}
labels = {{"places": ["LOC", "PER"]}}
[corpora.train.corpora]
[corpora.train.corpora.people]
@readers = "spacy_padellm.Corpus.v1"
path = "{files["people"]}"
[corpora.train.corpora.places]
@readers = "spacy_padellm.Corpus.v1"
path = "{files["places"]}"
"""
    corpora = registry.resolve(Config().from_str(text))["corpora"]
    found = Counter(tuple(eg.reference._.padellm_labels) for eg in corpora["train"](nlp))
    assert found == {("PER",): 6, ("LOC", "PER"): 2}


@pytest.mark.parametrize("changes", [{"weights": {"x": 1.0}}, {"labels": {"x": ["PER"]}}])
def test_a_mixture_of_what_is_not_there(changes, files):
    with pytest.raises(ValueError, match="names x: the corpora are people"):
        make_mixture({"people": make_corpus(files["people"])}, **changes)
    with pytest.raises(ValueError, match="at least 0"):
        make_mixture({"people": make_corpus(files["people"])}, {"people": -1.0})


@pytest.mark.parametrize(
    "labels", [[], [""], ["A", "A"], [" "], ["\ud800"], [["A", 1]], ["x" * 2000]]
)
def test_labels_of_corpora_are_checked_as_others(labels, files):
    with pytest.raises(ValueError, match=r"`?labels`? of the corpus|labels\.?\d*: "):
        make_corpus(files["people"], labels=labels)
    with pytest.raises(ValueError, match=r"`labels` of people in the mixture|labels\.people: "):
        make_mixture({"people": make_corpus(files["people"])}, labels={"people": labels})


@pytest.mark.parametrize("value", [-1, 1.5, True, math.nan, math.inf, 2**70])
def test_numbers_of_corpora_are_checked(value, files):
    with pytest.raises(ValueError, match=r"`limit` of the corpus is .*at least 0"):
        make_corpus(files["people"], limit=value)
    if value != 1.5:
        with pytest.raises(ValueError, match=r"the weight of a in the mixture is .*at most 1000"):
            make_mixture({"a": make_corpus(files["people"])}, {"a": value})
    for corpora, weights in (({}, {}), ({"a": make_corpus(files["people"])}, {"a": 0})):
        with pytest.raises(ValueError, match="reads nothing"):
            make_mixture(corpora, weights)


def test_a_corpus_without_entities_needs_its_labels(files, nlp, tmp_path):
    (tmp_path / "empty.jsonl").write_text('{"text": "No one.", "ents": []}')
    corpora = {
        "people": make_corpus(files["people"]),
        "none": make_corpus(tmp_path / "empty.jsonl"),
    }
    with pytest.raises(ValueError, match="the corpus 'none' of the mixture has no entities"):
        list(make_mixture(corpora)(nlp))
    asked = list(make_mixture(corpora, labels={"none": ["LOC"]})(nlp))
    assert ["LOC"] in [eg.reference._.padellm_labels for eg in asked]


def test_what_a_corpus_loses_is_told(nlp, tmp_path, caplog):
    path = tmp_path / "gold.jsonl"
    path.write_text('{"text": "Ada met Bob.", "ents": [[0, 2, "PER"], [8, 99, "PER"]]}')
    read = make_corpus(path)
    assert len(list(read(nlp))) == len(list(read(nlp))) == 1
    assert caplog.text.count("gold.jsonl:1") >= 1 and caplog.text.count("1 of 2 spans is out") == 1


def test_overlaps_are_spans_and_the_rest_is_both(nlp, tmp_path, lm_folder, caplog):
    path = tmp_path / "gold.jsonl"
    rows = [[[0, 3, "PER"]], [], [[0, 3, "PER"], [0, 7, "PER"]]]
    path.write_text("\n".join(json.dumps({"text": "Ada met Bob.", "ents": r}) for r in rows))
    examples = list(make_corpus(path)(nlp))
    assert [len(eg.reference.spans["sc"]) for eg in examples] == [1, 0, 2]
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(lm_folder)}})
    nlp.initialize(lambda: examples)
    assert "1 of 3 Docs is left out" in caplog.text


def test_labels_that_were_not_looked_for_are_no_mistakes(nlp):
    from spacy_padellm.pipeline.scorer import score_ner

    gold, found = nlp.make_doc("Ada saw Rome"), nlp.make_doc("Ada saw Rome")
    gold.ents = [gold.char_span(8, 12, label="LOC")]
    found.ents = [found.char_span(0, 3, label="PER"), found.char_span(8, 12, label="LOC")]
    assert score_ner([Example(found, gold)])["ents_p"] == 0.5
    gold._.padellm_labels = ["LOC"]
    scores = score_ner([Example(found, gold)])
    assert scores["ents_p"] == 1.0 and list(scores["ents_per_type"]) == ["LOC"]


def test_a_text_is_asked_for_what_was_annotated_in_it(files, nlp, lm_folder):
    pipe = nlp.add_pipe("padellm_ner", config={"model": {"name": str(lm_folder)}})
    corpora = {name: make_corpus(path) for name, path in files.items()}
    mixture = make_mixture(corpora, labels={"places": ["LOC", "PER"]})
    examples = list(mixture(nlp))
    nlp.initialize(lambda: examples)
    assert pipe.labels == ("LOC", "PER")
    asked = {text.prompt.encoded.text: text.prompt.labels for text in pipe.training_texts(examples)}
    assert asked["No one."] == ("PER",) and asked["Oslo is cold."] == ("LOC", "PER")
    losses = nlp.update(examples, losses={})
    assert losses["padellm_ner"] > 0


def test_a_text_is_scored_on_what_was_annotated_in_it(files, nlp, lm_folder):
    """Another label would take the place of a name: they cannot overlap in `doc.ents`."""
    config = {"model": {"name": str(lm_folder)}, "labels": ["PER", "LOC"]}
    pipe = nlp.add_pipe("padellm_ner", config=config)
    corpora = {name: make_corpus(path) for name, path in files.items()}
    examples = list(make_mixture(corpora)(nlp))
    (read,) = make_corpus(files["people"], labels=["PER"], limit=1)(nlp)
    for example in (read, *examples):
        doc = pipe(example.predicted)
        assert {ent.label_ for ent in doc.ents} <= set(example.reference._.padellm_labels)
    assert any(example.predicted.ents for example in examples)


def test_text_loss_and_label_noise_reach_training(files, nlp, lm_folder):
    noise = {"names": {"PER": ["person"]}, "rename": 1.0}
    settings = {"model": {"name": str(lm_folder)}, "label_noise": noise, "text_loss": 0.1}
    pipe = nlp.add_pipe("padellm_ner", config=settings)
    examples = list(make_corpus(files["people"])(nlp))
    nlp.initialize(lambda: examples)
    (text, *_) = pipe.training_texts(examples)
    assert text.prompt.labels == ("person",) and [m.label for m in text.mentions] == ["person"] * 2
    assert nlp.update(examples, losses={})["padellm_ner"] > 0
    assert pipe.labels == ("PER",)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"text_loss": -1.0}, "text_loss is -1"),
        ({"label_noise": {"rename": 2.0}}, r"label_noise\.rename is 2"),
        ({"label_noise": {"nme": {}}}, "no field nme"),
    ],
)
def test_settings_of_training_out_of_range(settings, words, nlp):
    with pytest.raises(ValueError, match=words):
        nlp.add_pipe("padellm_ner", config=settings)


@pytest.mark.parametrize("content", ["", "\n \n", "[]"])
def test_a_corpus_without_texts_is_none(content, nlp, tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text(content)
    with pytest.raises(FormatError, match=r"gold\.jsonl: no text was read from it"):
        list(make_corpus(path)(nlp))


def test_a_text_beyond_the_pipelines_limit_is_named(files, nlp):
    nlp.max_length = 10
    with pytest.raises(FormatError, match=r"people\.jsonl: text 1 has more than nlp\.max_length"):
        list(make_corpus(files["people"])(nlp))
