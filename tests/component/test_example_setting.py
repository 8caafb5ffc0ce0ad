"""The setting `examples` of the component: config, saving, room, and who takes none."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from sample_pipelines import make_examples
from spacy.training import Example

from spacy_padellm.tools.explain.explanation import explain

from .shown import EXAMPLES, TEXTS, found, pipe_of


def test_they_give_the_labels_and_are_kept(make_shown):
    nlp = make_shown(EXAMPLES)
    pipe = pipe_of(nlp)
    assert pipe.labels == ("PER", "LOC")
    assert any(found(nlp)) and found(make_shown(None, labels=["PER", "LOC"])) != found(nlp)
    kept = pipe.shim.loaded.lm.preambles
    assert len(kept) == 1
    before = pipe.doc_decoder.work
    assert found(nlp) == found(nlp)
    assert pipe.doc_decoder.work.passes > before.passes and len(kept) == 1
    pipe.shim.note_step()  # the weights are others now
    assert len(kept) == 0
    with pytest.raises(AttributeError, match="examples is a setting"):
        pipe.examples = []


@pytest.mark.parametrize("decoder", ["tree", "rows"])
def test_any_decoder_and_windows_find_the_same(make_shown, decoder):
    settings = {"alignment_mode": "expand", "window": 12, "decoder": decoder, "run_ahead": False}
    long = " ".join(TEXTS) * 3
    ours = make_shown(EXAMPLES, **settings)
    theirs = make_shown(EXAMPLES, window=12, alignment_mode="expand", token_budget=400)
    assert found(ours, [*TEXTS, long]) == found(theirs, [*TEXTS, long])


def test_copies_threads_and_processes(make_shown):
    nlp = make_shown(EXAMPLES)
    expected = found(nlp)
    forked = [
        [(e.label_, e.start, e.end) for e in doc.ents] for doc in nlp.pipe(TEXTS, n_process=2)
    ]
    assert forked == expected
    copied = pickle.loads(pickle.dumps(pipe_of(nlp)))
    assert len(copied.shim.loaded.lm.preambles) == 0
    docs = [nlp.make_doc(text) for text in TEXTS]
    assert [len(doc.ents) for doc in copied.pipe(docs)] == [len(ents) for ents in expected]
    with ThreadPoolExecutor(4) as pool:
        fresh = pickle.loads(pickle.dumps(pipe_of(nlp)))
        predict = [pool.submit(fresh.predict, docs) for _ in range(4)]
        first, *others = [
            [(m.label, m.start, m.end) for one in run.result() for m in one.prediction.mentions]
            for run in predict
        ]
    assert first and all(other == first for other in others)
    assert len(fresh.shim.loaded.lm.preambles) == 1


def test_docs_with_labels_of_their_own(make_shown):
    nlp = make_shown(EXAMPLES)
    doc = nlp.make_doc(TEXTS[0])
    doc._.padellm_labels = ["LOC", "WORK"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = pipe_of(nlp).predict([doc])[0].prediction.counts
    assert [count.label for count in counts] == ["LOC", "WORK"]
    assert len(pipe_of(nlp).shim.loaded.lm.preambles) == 1


def test_a_file_that_is_not_there_is_named(make_shown, tmp_path):
    nlp = make_shown(str(tmp_path / "gone.jsonl"))
    with pytest.raises(ValueError, match=r"padellm_ner: `examples`: .*gone\.jsonl: there is no"):
        nlp(TEXTS[0])
    with pytest.raises(ValueError, match="examples"):
        nlp.to_disk(tmp_path / "saved")


@pytest.mark.parametrize(
    "examples, message",
    [
        ([{"text": "Ada", "entities": {"PER": ["Bo"]}}], "`examples`: .*'Bo' is not in its text"),
        ([{"text": "$5", "ents": []}], "examples.text: spaCy's configs double"),
        (7, "examples"),
    ],
)
def test_what_is_no_example_is_refused_at_once(examples, message, make_shown):
    with pytest.raises(ValueError, match=message):
        make_shown(examples)


def test_labels_that_the_config_has_not(make_shown):
    nlp = make_shown(EXAMPLES, labels=["LOC", "WORK"])
    with pytest.warns(UserWarning, match="examples have 'PER', which is none of the labels 'LOC'"):
        nlp(TEXTS[0])
    shown = pipe_of(nlp).doc_decoder.encoder.preamble.text
    assert "PER" not in shown and "WORK" in shown and "Tim" not in shown


def test_more_than_token_budget_says_how_many_fit(make_shown):
    message = said(make_shown(EXAMPLES, token_budget=240))
    assert "3 texts of `examples`" in message and "token_budget (240)" in message
    (fit,) = [n for n in (1, 2) if f"the first {n} fit" in message]
    make_shown(EXAMPLES[:fit], token_budget=240, labels=["PER", "LOC"])(TEXTS[0])


def test_more_than_the_context_says_how_many_fit(make_shown):
    nlp = make_shown(EXAMPLES * 20, token_budget=10_000)
    message = said(nlp)
    assert "the 60 texts of `examples`" in message
    fit = int(message.partition("the first ")[2].split()[0])
    assert 0 < fit < 60
    shown = (EXAMPLES * 20)[:fit]
    fits = make_shown(shown, token_budget=10_000)
    long = " ".join([TEXTS[3]] * 40)
    fits(long)
    room = pipe_of(fits).doc_decoder.window_size(("PER", "LOC"))
    assert 64 <= room < 512 and pipe_of(fits).doc_decoder.window == 512
    assert said(make_shown((EXAMPLES * 20)[: fit + 1], token_budget=10_000))


def said(nlp):
    with pytest.raises(ValueError) as error:
        nlp(TEXTS[0])
    return str(error.value)


def test_models_that_take_none_say_why(shown_model, lm_folder):
    nlp = spacy.blank("en")
    trained = {**shown_model, "name": str(lm_folder)}
    nlp.add_pipe("padellm_ner", config={"model": trained, "examples": EXAMPLES})
    assert "`examples`" in (message := said(nlp)) and "special tokens" in message


def test_a_model_that_points_says_why(shown_model, monkeypatch, make_shown):
    nlp = make_shown(EXAMPLES)
    lm = type(pipe_of(nlp).shim.loaded.lm)
    monkeypatch.setattr(lm, "points", True)
    assert "was trained to point" in (message := said(nlp)) and "`examples`" in message


def test_a_component_with_examples_is_not_trained(make_shown):
    nlp = make_shown(EXAMPLES)
    gold = {"entities": [(0, 3, "PER")]}
    example = Example.from_dict(nlp.make_doc("Ada left."), gold)
    with pytest.raises(ValueError, match="set examples to null to train it"):
        nlp.update([example])
    nlp.initialize(lambda: make_examples(nlp, 4))
    assert any(found(nlp))


def test_explain_shows_what_it_did(make_shown):
    nlp = make_shown(EXAMPLES)
    explained = explain(nlp, pipe_of(nlp), TEXTS[3])
    assert explained.text_tokens > 0


def test_a_model_that_nobody_trained_is_told_unless_it_sees_examples(make_shown, recwarn):
    make_shown(EXAMPLES)("Ada met Bo.")
    assert not [w for w in recwarn if "was not trained to find" in str(w.message)]
    with pytest.warns(UserWarning, match="was not trained to find entities.*padellm train"):
        make_shown(None, labels=["PER"])("Ada met Bo.")
