"""What nobody annotated is no evidence: whatever scores or learns says the same without it."""

import json
import logging
import random

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.cli._util import app
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.formats.doc_gold import GoldSource
from spacy_padellm.pipeline.mixture import make_mixture
from spacy_padellm.pipeline.scorer import score_ner
from spacy_padellm.pipeline.training_texts import count_labels, gold_windows
from spacy_padellm.spacy_llm.task import make_ner_task
from spacy_padellm.tools.analyze.analysis import analyze
from spacy_padellm.tools.analyze.calibrating import calibrate
from spacy_padellm.tools.analyze.corpus import analyze_texts
from spacy_padellm.tools.corpora import read_examples

NLP = spacy.blank("en")
KNOWN = "Ada left Rome."
UNKNOWN = "Bo left Oslo."
# Right about PER, a false LOC; of the unknown text, what would count if it were judged.
SCRIPT = {
    KNOWN: [("PER", "Ada", 0.9), ("LOC", "left", 0.4)],
    UNKNOWN: [("PER", "Bo", 0.9), ("LOC", "Oslo", 0.8)],
    f"{KNOWN} {UNKNOWN}": [
        *(("PER", "Ada", 0.9), ("LOC", "left", 0.4)),
        *(("PER", "Bo", 0.9), ("LOC", "Oslo", 0.8)),
    ],
}


def known(where="ents") -> Doc:
    doc = NLP.make_doc(KNOWN)
    spans = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "LOC")]
    if where == "spans":
        doc.spans["sc"] = spans
    else:
        doc.ents = spans
    return doc


def never() -> Doc:
    return NLP.make_doc(UNKNOWN)


def nobody_looked() -> Doc:
    doc = NLP.make_doc(UNKNOWN)
    doc.ents = []
    doc._.padellm_labels = []
    return doc


def partly() -> Doc:
    """The known text, and behind it one of which nothing is known."""
    doc = NLP.make_doc(f"{KNOWN} {UNKNOWN}")
    doc.set_ents([Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "LOC")], missing=[doc[4:]])
    return doc


# Corpora that say the same as one known text.
SAME = {
    "never": lambda where: [known(where), never()],
    "nobody looked": lambda where: [nobody_looked(), known(where)],
    "partly": lambda where: [partly()],
}
CASES = [("never", "ents"), ("nobody looked", "ents"), ("partly", "ents"), ("never", "spans")]


def examples(docs):
    return [Example(NLP.make_doc(doc.text), doc) for doc in docs]


@pytest.mark.parametrize("name, where", CASES)
def test_evaluate_analyze_calibrate_and_learn_alike(name, where, scripted, caplog):
    nlp, _ = scripted(SCRIPT, annotate=where)
    pipe = nlp.get_pipe("padellm_ner")
    docs = SAME[name](where)
    wanted, found = (
        {k: v for k, v in nlp.evaluate(examples(some)).items() if "speed" not in k}
        for some in ([known(where)], docs)
    )
    assert found == wanted and found["strings_f"] == 0.5
    assert found["ents_f" if where == "ents" else "spans_sc_f"] == 0.5

    texts = [analyze_texts(nlp, pipe, read_examples(nlp, some)) for some in ([known(where)], docs)]
    assert "annotated" in caplog.text
    one, other = (analyze(some, 0.0).to_dict() for some in texts)
    # How many mentions are announced says nothing where some are unknown.
    assert other["counts"] == ({} if name == "partly" else one["counts"])
    assert {**one, "counts": 0} == {**other, "counts": 0}
    judged = [
        [(p, item in t.gold) for t in some for item, p in t.placed(0).items()] for some in texts
    ]
    assert judged[0] == judged[1]

    windows = list(gold_windows(pipe.gold_source, examples(docs), pipe.shim.loaded.encoder(), 50))
    assert [(gold.text.strip(), gold.spans) for gold in windows] == [
        (KNOWN, ((0, 3, "PER"), (9, 13, "LOC")))
    ]
    assert count_labels(pipe.gold_source, examples(docs)) == {"PER": 1, "LOC": 1}


@pytest.mark.parametrize("size", [8, 100])
def test_windows_of_any_doc_hold_nothing_unknown_and_lose_nothing_that_is_known(size, random_lm):
    draw, encoder = random.Random(0), random_lm.encoder()
    source = GoldSource("ents", "sc")
    for _ in range(60):
        words = [draw.choice(["Ada", "left", "Rome", ".", "\n", "!"]) for _ in range(24)]
        doc = Doc(NLP.vocab, words=words)
        ents = [Span(doc, i, i + 2, "PER") for i in range(0, 22, 3) if draw.random() < 0.3]
        taken = {i for ent in ents for i in (ent.start, ent.start + 1)}
        some = [i for i in range(24) if i not in taken and draw.random() < 0.1]
        doc.set_ents(ents, missing=[doc[i : i + 1] for i in some])
        golds = list(gold_windows(source, examples([doc]), encoder, size))
        known = {ent.text for ent in doc.ents}
        assert all(g.text[s:e] in known for g in golds for s, e, _ in g.spans if e <= len(g.text))
        # Each window is a stretch of the text, in its order, without an unknown token.
        reached = 0
        for gold in golds:
            start = doc.text.index(gold.text, reached)
            places = range(start, start + len(gold.text))
            while any(doc[i].idx in places for i in some):  # the same words stood before
                start = doc.text.index(gold.text, start + 1)
                places = range(start, start + len(gold.text))
            reached = start + 1
        if not some:
            assert sum(len(gold.spans) for gold in golds) == len(ents)


def test_calibration_counts_what_is_known(scripted):
    nlp, _ = scripted(SCRIPT)
    pipe = nlp.get_pipe("padellm_ner")
    fitted = [
        calibrate(nlp, pipe, read_examples(nlp, [d for _ in range(30) for d in docs]))
        for docs in ([known()], [partly()])
    ]
    assert [one.n_mentions for one in fitted] == [60, 60]
    assert fitted[0].calibration == fitted[1].calibration
    with pytest.raises(ValueError):
        calibrate(nlp, pipe, read_examples(nlp, [never()] * 30))


def test_a_model_is_trained_on_what_is_known(random_nlp, caplog):
    caplog.set_level(logging.WARNING)
    nlp = random_nlp()
    pipe = nlp.get_pipe("padellm_ner")
    nlp.initialize(lambda: examples([known(), never(), partly()]))
    assert "1 of 3 Docs is left out, since its entities (doc.ents)" in caplog.text
    assert "1 of 3 Docs is annotated in part" in caplog.text
    texts = pipe.training_texts(examples([never(), nobody_looked(), partly(), known()]))
    assert [text.prompt.encoded.text.strip() for text in texts] == [KNOWN, KNOWN]
    losses = [nlp.update(examples([doc]), losses={})["padellm_ner"] for doc in (known(), partly())]
    assert losses[0] == pytest.approx(losses[1], rel=0.2)
    assert nlp.update(examples([never()]), losses={})["padellm_ner"] == 0.0


def test_benchmark_judges_what_is_known(trained_folder, tmp_path):
    def doc(text, *spans):
        doc = NLP.make_doc(text)
        if spans:
            doc.ents = [doc.char_span(*span) for span in spans]
        return doc

    def run(docs, *options):
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
        arguments = [trained_folder, tmp_path / "a.spacy", "-m", "tree", "-b", "2", "-r", "1"]
        arguments += [*options, "-o", tmp_path / "speed"]
        done = CliRunner().invoke(app, ["padellm", "benchmark", *map(str, arguments)])
        said = " ".join(done.output.split())
        if done.exit_code:
            return None, said
        (row,) = json.loads((tmp_path / "speed.json").read_text())["rows"]
        return row["f"], said

    gold = doc("Tim Lee lives in Oslo.", (0, 7, "PER"), (17, 21, "LOC"))
    unknown = doc("Ada Lovelace lives in Paris.")
    half = doc("Tim Lee lives in Oslo.", (0, 7, "PER"))
    half.set_ents(half.ents, missing=[half[4:5]])
    places = doc("Ada Lovelace lives in Paris.", (22, 27, "LOC"))
    places._.padellm_labels = ["LOC"]
    assert run([gold])[0] == 1.0
    assert run([gold, unknown, half, places])[0] == 1.0
    f, said = run([unknown])
    assert f is None and "1 of 1 text is not annotated" in said and "F1 is 0" not in said
    assert run([gold, unknown], "--forced")[0] == 1.0
    assert "no text of the corpus is annotated" in run([unknown], "--forced")[1]


def test_benchmark_reads_gold_where_the_pipeline_has_it(random_nlp, tmp_path):
    nlp = random_nlp(annotate="spans")
    nlp.to_disk(tmp_path / "pipeline")
    DocBin(docs=[known("spans")]).to_disk(tmp_path / "a.spacy")
    arguments = ["pipeline", "a.spacy", "-m", "tree", "-b", "1", "-r", "1", "--forced", "-o", "s"]
    paths = [str(tmp_path / a) if a in ("pipeline", "a.spacy", "s") else a for a in arguments]
    done = CliRunner().invoke(app, ["padellm", "benchmark", *paths])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "s.json").read_text())["rows"][0]["f"] == 1.0


def test_a_mixture_and_demonstrations_ask_the_same(nlp=NLP):
    corpora = {"a": lambda nlp: examples([known(), never(), partly()])}
    asked = {tuple(eg.reference._.padellm_labels) for eg in make_mixture(corpora)(nlp)}
    assert asked == {("LOC", "PER")}
    with pytest.raises(ValueError, match="'b' of the mixture has no annotated text"):
        list(make_mixture({"b": lambda nlp: examples([never()])})(nlp))

    for_one = known()
    for_one.ents = [ent for ent in for_one.ents if ent.label_ == "LOC"]
    for_one._.padellm_labels = ["LOC"]
    task = make_ner_task()
    docs = [never(), partly(), for_one, known()]
    task.initialize(lambda: examples(docs), nlp, n_prompt_examples=-1)
    assert set(task.labels) == {"PER", "LOC"}
    (shown,) = task.question().examples
    assert shown.text == KNOWN and shown.entities == {"PER": ["Ada"], "LOC": ["Rome"]}
    assert task.scorer(examples([never()]))["ents_f"] is None


def test_labels_that_nobody_looked_for_are_not_judged_on_either_side():
    gold, found = known(), known()
    gold._.padellm_labels = ["LOC"]  # its PER is there, but not to be relied on
    found.ents = [found.ents[1]]
    scores = score_ner([Example(found, gold)])
    assert scores["ents_f"] == scores["strings_f"] == 1.0


@st.composite
def pairs(draw):
    """Predicted and gold Docs with any entities of a token, and any of the gold tokens unknown."""
    n = draw(st.integers(1, 6))
    words = [draw(st.sampled_from("ab")) for _ in range(n)]
    docs = []
    for states in ("O", "O?"):
        doc = Doc(NLP.vocab, words=words)
        drawn = [draw(st.sampled_from(["PER", "LOC", *states])) for _ in words]
        doc.set_ents(
            [Span(doc, i, i + 1, x) for i, x in enumerate(drawn) if len(x) > 1],
            missing=[doc[i : i + 1] for i, x in enumerate(drawn) if x == "?"],
        )
        docs.append(doc)
    return Example(*docs)


@settings(max_examples=60)
@given(st.lists(pairs(), max_size=3))
def test_scores_are_spacys_and_a_prediction_on_an_unknown_token_changes_none(some):
    scores = score_ner(some)
    assert {**scores, **get_ner_prf(some)} == scores
    cleaned = []
    for example in some:
        predicted = example.predicted.copy()
        unknown = {token.i for token in example.reference if token.ent_iob == 0}
        predicted.set_ents([ent for ent in predicted.ents if ent.start not in unknown])
        cleaned.append(Example(predicted, example.reference))
    without = score_ner(cleaned)
    assert without["strings_per_type"] == scores["strings_per_type"]
    source = GoldSource("ents", "sc")
    judged = [eg for eg in some if source.read(eg.reference) is not None]
    assert score_ner(judged) == scores
