"""What nobody annotated stays unknown: every reader, every writer, every kind of Doc."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.doc_gold import GoldSource
from spacy_padellm.formats.doc_making import relabel
from spacy_padellm.formats.docbin import DocSettings, from_doc, read_docs, to_doc
from spacy_padellm.formats.guess import EXTENSIONS, FORMATS
from spacy_padellm.pipeline.corpora import make_corpus

from .unknown_docs import KINDS, LABELS, NLP, WORDS, new, state

TEXT_FORMATS = [name for name in FORMATS if name != "spacy"]
SAY_NOTHING = ("labelstudio", "datasets")  # and have a place for a text that nobody annotated
SAY_PART = "datasets"
NOTHING = [0] * len(WORDS)


def run(*arguments):
    result = CliRunner().invoke(app, ["padellm", "convert", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def corpus(tmp_path):
    DocBin(docs=[make() for make, _ in KINDS.values()], store_user_data=True).to_disk(
        tmp_path / "all.spacy"
    )
    return tmp_path / "all.spacy"


def iob(doc):
    return [token.ent_iob for token in doc]


def converted(corpus, *options):
    """name → Doc."""
    output = corpus.with_name("out.spacy")
    code, said = run(corpus, output, *options)
    assert code == 0, said
    return dict(zip(KINDS, read_docs(output, NLP.vocab), strict=True)), said


def test_from_spacy_to_spacy_nothing_changes(corpus):
    docs, said = converted(corpus, "--strict")
    for (name, doc), before in zip(docs.items(), read_docs(corpus, NLP.vocab), strict=True):
        assert state(doc) == state(before) == state(KINDS[name][0]()), name
    assert "12 texts (2 not annotated, 2 annotated in part)" in said


def test_labels_are_mapped_and_the_rest_stays(corpus):
    docs, _ = converted(corpus, "--labels-map", "PER=person,LOC=", "--strict")
    for name, doc in docs.items():
        before = state(KINDS[name][0]())
        after = state(doc)
        for place, (token, old) in enumerate(zip(after["tokens"], before["tokens"], strict=True)):
            label = {"PER": "person", "LOC": ""}.get(old[2], old[2])
            outside = old[2] == "LOC"
            assert token[2] == label and token[1] == (2 if outside else old[1]), (name, place)
        assert after["cats"] == before["cats"]
    group = docs["only group"].spans["sc"]
    assert [s.label_ for s in group] == ["person", "EVENT"] and group[1].kb_id_ == "Q1"
    assert [*group.attrs["scores"]] == [0.5, 0.75]
    assert [ent.kb_id_ for ent in docs["annotated"].ents] == ["Q7259"]
    assert [*docs["labels"].user_data[LABELS]] == []  # the one label is gone, and nothing is known
    (only_events, *_), _ = converted(corpus, "--labels-map", "EVENT=PER,PER=,LOC="), None
    assert [*only_events["only group"].spans["sc"].attrs["scores"]] == [0.75]


@pytest.mark.parametrize("where", ["ents", "spans", "both"])
def test_spans_go_elsewhere_and_what_is_unknown_stays_unknown(where, corpus):
    docs, said = converted(corpus, "--annotate", where)
    for name, doc in docs.items():
        make, says = KINDS[name]
        before = make()
        assert doc.cats == before.cats and ("parts" in doc.spans) == ("parts" in before.spans)
        assert doc.user_data.get("source") == before.user_data.get("source")
        known = GoldSource(where, "sc").spans(doc)
        if says == "nothing":
            assert known is None and iob(doc) == NOTHING and "sc" not in doc.spans, name
        elif says == "some" and where == "spans":  # a group cannot say it
            assert known is None and iob(doc) == NOTHING, name
        elif says == "some":
            missing = [i for i, place in enumerate(iob(before)) if place == 0]
            assert [i for i, place in enumerate(iob(doc)) if place == 0] == missing, name
        else:
            assert known is not None, name
    if where != "spans":
        assert docs["annotated"].ents[0].kb_id_ == "Q7259"
    if where != "ents":
        assert [*docs["only group"].spans["sc"].attrs["scores"]] == [0.5, 0.75]
    assert ("annotated in part, which a span group cannot say" in said) == (where == "spans")


def test_other_spacing_keeps_what_has_a_place(corpus, tmp_path):
    doc = Doc(NLP.vocab, words=["Ada", ",", "left", "Rome", "."])
    doc.set_ents([Span(doc, 0, 1, "PER")], missing=[doc[3:4]])
    doc.cats, doc._.padellm_labels = {"x": 1.0}, ["PER", "LOC"]
    doc.user_data["source"] = "s"
    doc.ents[0]._.set("padellm_score", 0.5)
    unknown = Doc(NLP.vocab, words=["Ada", ",", "left"])
    unknown.spans["parts"] = [unknown[1:2]]
    DocBin(docs=[doc, unknown], store_user_data=True).to_disk(tmp_path / "a.spacy")
    code, said = run(tmp_path / "a.spacy", tmp_path / "b.spacy", "--detokenize")
    assert code == 0 and "doc.spans['parts'], whose text is spaced anew" in said.replace("│", "")
    one, other = read_docs(tmp_path / "b.spacy", NLP.vocab)
    assert one.text == "Ada, left Rome." and iob(one) == [3, 2, 2, 0, 2]
    assert one.cats == {"x": 1.0} and [*one._.padellm_labels] == ["PER", "LOC"]
    assert one.user_data["source"] == "s" and one.ents[0]._.padellm_score is None
    assert other.text == "Ada, left" and iob(other) == [0, 0, 0]


@pytest.mark.parametrize("target", [name for name in TEXT_FORMATS if name != SAY_PART])
def test_what_a_format_cannot_say_is_left_out_and_counted(target, corpus, tmp_path):
    output, report = tmp_path / "to" / f"out{EXTENSIONS[target]}", tmp_path / "report.jsonl"
    output.parent.mkdir()
    code, said = run(corpus, output, "--to", target, "--report", report)
    assert code == 0 and f"the format '{target}' cannot say" in said
    if target in SAY_NOTHING:
        assert "10 texts, 11 spans" in said
        assert "2 texts are left out: 2 are annotated in part" in said
    else:
        assert "8 texts, 11 spans" in said
        assert "4 texts are left out: 2 are not annotated and 2 are annotated in part" in said
    n = 2 if target in SAY_NOTHING else 1
    assert (
        f"has no place for doc.cats (of {n} text{'s' * (n > 1)})" in said
        and "doc.spans['parts']" in said
    )
    assert "other doc.user_data (of 1 text)" in said
    assert ("padellm_labels" in said) == (target != "gliner")  # which has a place for them
    problems = [json.loads(line) for line in report.read_text().splitlines()]
    left_out = [p for p in problems if "cannot say" in p["reason"]]
    assert all(problem["lost"] for problem in left_out)
    lines = [4, 5] if target in SAY_NOTHING else [3, 4, 5, 7]
    assert sorted(p["line"] for p in left_out if p["of"] == "text") == lines
    assert [(p["line"], p["label"]) for p in left_out if p["of"] == "span"] == [(4, "PER")]
    code, said = run(corpus, output, "--to", target, "--strict", "--text-comments")
    assert code == 1 and f"1 span and {len(lines)} texts are lost" in said
    # What is there is what was known.
    tags = ["--column-tag", "1,2"] if target == "columns" else []
    source = output.parent if target == "brat" else output  # a pair of files a text
    assert run(source, tmp_path / "back.spacy", "--from", target, "--to", "spacy", *tags)[0] == 0
    source = GoldSource("both", "sc")
    back = list(read_docs(tmp_path / "back.spacy", NLP.vocab))
    if target in SAY_NOTHING:
        assert [i for i, doc in enumerate(back) if source.spans(doc) is None] == [2, 4]
        back = [doc for doc in back if source.spans(doc) is not None]
    assert all(source.read(doc).unknown == () for doc in back)
    wanted = [source.read(make()).items() for make, says in KINDS.values() if says == "all"]
    assert [source.read(doc).items() for doc in back] == wanted


def test_tags_say_what_is_unknown(corpus, tmp_path):
    output = tmp_path / "out.parquet"
    code, said = run(corpus, output, "--strict")
    assert code == 0 and "12 texts (2 not annotated, 2 annotated in part), 12 spans" in said
    assert "has no place for doc.cats (of 2 texts)" in said and "padellm_labels" in said
    assert run(output, tmp_path / "back.spacy", "--strict")[0] == 0
    source = GoldSource("both", "sc")
    for (make, says), doc in zip(
        KINDS.values(), read_docs(tmp_path / "back.spacy", NLP.vocab), strict=True
    ):
        before = make()
        assert (source.spans(doc) is None) == (says == "nothing")
        if says != "nothing":
            assert source.unknown(doc) == source.unknown(before)
            assert source.read(doc).items() == source.read(before).items()


def test_a_binary_answer_without_tokens_is_written_with_tags(tmp_path):
    span = {"start": 0, "end": 3, "label": "PER"}
    answer = {"text": "Ada left Rome", "spans": [span], "answer": "accept", "_is_binary": True}
    (tmp_path / "a.jsonl").write_text(json.dumps(answer))
    assert run(tmp_path / "a.jsonl", tmp_path / "a.parquet", "--strict")[0] == 0
    (text,) = Conversion().read(tmp_path / "a.parquet", "datasets")
    assert text.spans == ((0, 3, "PER"),) and text.unknown == ((4, 8), (9, 13))


@pytest.mark.parametrize("target", TEXT_FORMATS)
def test_of_nothing_known_nothing_is_written_and_no_success_is_shown(target, tmp_path):
    DocBin(docs=[new()]).to_disk(tmp_path / "a.spacy")
    output = tmp_path / f"out{EXTENSIONS[target]}"
    code, said = run(tmp_path / "a.spacy", output, "--to", target)
    if target in SAY_NOTHING:
        assert code == 0 and "1 text (1 not annotated)" in said
    else:
        assert code == 0 and "✔" not in said
        assert "1 text is left out: 1 is not annotated" in said


RECORDS = {
    "jsonl": {"text": "Ada left Rome for Oslo", "ents": [], "error": "the server is down"},
    "prodigy": {"text": "Ada left Rome for Oslo", "spans": None},
    "doccano": {"text": "Ada left Rome for Oslo", "label": None},
}


@pytest.mark.parametrize("source", RECORDS)
def test_records_that_nobody_annotated(source, tmp_path, caplog):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(RECORDS[source]))
    code, said = run(path, tmp_path / "a.spacy", "--from", source, "--annotate", "both")
    assert code == 0 and "1 text (1 not annotated)" in said
    (doc,) = read_docs(tmp_path / "a.spacy", NLP.vocab)
    assert GoldSource("both", "sc").spans(doc) is None
    (example,) = make_corpus(path, source)(NLP)
    assert GoldSource("both", "sc").spans(example.reference) is None
    code, said = run(path, tmp_path / "b.conll", "--from", source, "--strict")
    assert code == 1 and "1 text is left out" in said


def test_a_tokenised_task_of_prodigy_is_no_empty_text(tmp_path):
    tokens = [{"text": "Ada", "start": 0, "end": 3, "id": 0}]
    task = {"text": "Ada", "tokens": tokens}
    lines = [task, {**task, "answer": "accept"}, {**task, "spans": []}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = Conversion().read(path, "prodigy")
    assert [text.unknown for text in found] == [((0, 3),), (), ()]


@st.composite
def docs(draw):
    """Any annotation of a few tokens: entities of one or two tokens, unknown, blocked, outside."""
    n = draw(st.integers(0, 7))
    doc = Doc(NLP.vocab, words=[f"w{i}" for i in range(n)])
    kinds = draw(st.lists(st.sampled_from("BBIOO??X"), min_size=n, max_size=n))
    ents, i = [], 0
    while i < n:
        if kinds[i] == "B":
            end = i + 2 if i + 1 < n and kinds[i + 1] == "I" else i + 1
            ents.append(Span(doc, i, end, draw(st.sampled_from(["PER", "LOC"]))))
            i = end
        else:
            i += 1
    taken = {i for ent in ents for i in range(ent.start, ent.end)}
    free = [i for i in range(n) if i not in taken]
    doc.set_ents(
        ents,
        missing=[doc[i : i + 1] for i in free if kinds[i] == "?"],
        blocked=[doc[i : i + 1] for i in free if kinds[i] == "X"],
    )
    if n and draw(st.booleans()):
        doc.spans["sc"] = [Span(doc, 0, draw(st.integers(1, n)), "PER")]
    doc.cats = draw(st.sampled_from([{}, {"a": 1.0}]))
    return doc


@given(docs(), st.sampled_from(["auto", "ents", "both"]))
def test_any_annotation_comes_through(doc, where):
    text = from_doc(doc)
    assert text.annotated == (GoldSource("both", "sc").spans(doc) is not None)
    same = to_doc(text, NLP)
    assert state(same) == state(doc) == state(relabel(doc, {}, "sc"))
    problems = []
    there = to_doc(text, NLP, DocSettings(where), problems)
    for token, before in zip(there, doc, strict=True):
        # Unknown stays unknown, but where the group says what is there.
        known = before.ent_iob != 0 or any(s <= token.idx < e for s, e, _ in text.spans)
        if not known and text.unknown:
            assert token.ent_iob == 0
    before, after = Counter(text.spans), Counter(from_doc(there).spans)
    lost = Counter((p.start, p.end, p.label) for p in problems if p.lost)
    assert before - after <= lost and after <= before
    assert there.cats == doc.cats
