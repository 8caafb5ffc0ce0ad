"""`doc._.padellm_labels`: a stream that asks each text for its own labels."""

import warnings

import pytest
import spacy
from sample_pipelines import SENTENCES, TEXTS, change, spans_of
from spacy.tokens import DocBin

from spacy_padellm.decoding import Decoder, DecodingSettings, TextInput
from spacy_padellm.formats.doc_gold import place_of
from spacy_padellm.pipeline.doc_decoders import MOST_KEPT

TEXT = "Ada Lovelace lives in Paris."
PER, LOC = (0, 12, "PER"), (22, 27, "LOC")
SETS = [None, ["PER"], ["LOC", "PER"], [], ("LOC",), {"PER", "LOC"}, ["PER", "PER"], None, ["LOC"]]


def asking(nlp, labels, text=TEXT):
    doc = nlp.make_doc(text)
    doc._.padellm_labels = labels
    return doc


def expected(labels):
    return [span for span in (PER, LOC) if labels is None or span[2] in labels]


@pytest.mark.parametrize("decoder", ["tree", "rows"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_each_text_of_a_stream_is_asked_for_its_own(trained, decoder, size):
    change(trained.get_pipe("padellm_ner"), decoder=decoder)
    docs = [asking(trained, labels) for labels in SETS]
    done = list(trained.pipe(docs, batch_size=size))
    assert [id(doc) for doc in done] == [id(doc) for doc in docs]
    assert [spans_of(doc) for doc in done] == [expected(labels) for labels in SETS]
    assert all(doc.has_annotation("ENT_IOB", require_complete=True) for doc in done)
    assert [doc._.padellm_labels for doc in done] == SETS


def test_the_doors(trained):
    assert spans_of(trained(asking(trained, ["LOC"]))) == [LOC]
    tuples = [(asking(trained, [label]), label) for label in ("PER", "LOC")]
    found = [(spans_of(doc), about) for doc, about in trained.pipe(tuples, as_tuples=True)]
    assert found == [([PER], "PER"), ([LOC], "LOC")]
    box = DocBin(store_user_data=True, docs=[asking(trained, ["LOC"])])
    (kept,) = DocBin().from_bytes(box.to_bytes()).get_docs(trained.vocab)
    assert spans_of(trained(kept)) == [LOC]


def test_a_component_before_it_may_choose(trained):
    @spacy.Language.component("choose_labels")
    def choose(doc):
        doc._.padellm_labels = ["LOC"] if "lives" in doc.text else None
        return doc

    trained.add_pipe("choose_labels", first=True)
    assert [spans_of(doc) for doc in trained.pipe([TEXT, "In Paris we met Tim Lee."])] == [
        [LOC],
        [(3, 8, "LOC"), (16, 23, "PER")],
    ]


def test_texts_with_other_labels_share_a_batch(trained):
    pipe = trained.get_pipe("padellm_ner")
    before = pipe.doc_decoder.work
    list(trained.pipe([asking(trained, labels) for labels in SETS]))
    after = pipe.doc_decoder.work
    assert after.batches - before.batches == 1 and after.texts - before.texts == len(SETS) - 1


def test_windows_inherit(trained):
    text = f"{TEXT} " * 3
    change(trained.get_pipe("padellm_ner"), window=8, overlap=0)
    trained.add_pipe("sentencizer", first=True)
    per, loc = trained.pipe([asking(trained, ["PER"], text), asking(trained, ["LOC"], text)])
    assert [ent.text for ent in per.ents] == ["Ada Lovelace"] * 3
    assert [ent.text for ent in loc.ents] == ["Paris"] * 3


def test_a_label_of_its_own_is_asked_for_and_told_once(trained):
    docs = [asking(trained, ["PER", "RIVER"], text) for text in (TEXT, TEXT, "Nobody came.")]
    change(trained.get_pipe("padellm_ner"), keep_raw=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        list(trained.pipe(docs, batch_size=1))
    said = [str(w.message) for w in told if "RIVER" in str(w.message)]
    assert len(said) == 1 and "not trained with the labels 'RIVER'" in said[0]
    raw = docs[0]._.padellm_raw["padellm_ner"]
    assert [count["label"] for count in raw["counts"]] == ["PER", "RIVER"]
    assert set(trained.get_pipe("padellm_ner").labels) == {"PER", "LOC"}


def test_a_model_without_labels_is_asked_for_those_of_its_texts(plain_lm_folder):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(plain_lm_folder)}})
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, e: failed.append((docs[0].text, str(e))))
    docs = [asking(nlp, ["CITY"]), nlp.make_doc("Ada."), asking(nlp, [], "Bo."), nlp.make_doc("")]
    done = list(nlp.pipe(docs))
    assert [doc.text for doc in done] == [TEXT, "Bo.", ""]
    assert [text for text, _ in failed] == ["Ada."] and "has no labels" in failed[0][1]


def test_nothing_to_ask_needs_no_model(random_nlp):
    nlp = random_nlp()
    (doc,) = nlp.pipe([asking(nlp, [])])
    assert doc.ents == () and doc.has_annotation("ENT_IOB")
    assert not nlp.get_pipe("padellm_ner").shim.is_loaded


@pytest.mark.parametrize(
    "bad",
    ["PER", ["PER", 3], 7, {"PER": 3}, {3: "people"}, {"PER": "\ud800"}, [" "], ["\ud800"], [None]],
)
def test_what_are_no_labels_lose_no_other_doc(trained, bad):
    failed = []
    trained.set_error_handler(lambda name, proc, docs, e: failed.append((docs, e)))
    docs = [asking(trained, None), asking(trained, bad), asking(trained, ["LOC"])]
    assert [spans_of(doc) for doc in trained.pipe(docs)] == [[PER, LOC], [LOC]]
    (((lost,), error),) = failed
    assert lost is docs[1] and isinstance(error, ValueError)
    assert str(error).startswith("doc._.padellm_labels")


def test_errors_say_what_to_set(trained):
    with pytest.raises(ValueError, match=r"padellm_labels is 'PER': set it to a list.*\['PER'\]"):
        trained(asking(trained, "PER"))


DESCRIBED = [
    None,
    {"PER": "people", "LOC": ""},
    ["PER"],
    {"LOC": "towns"},
    {"PER": "people", "LOC": ""},
    {"PER": ""},
]


@pytest.mark.parametrize("size", [2, 100])
def test_labels_of_a_text_may_have_descriptions(random_nlp, size):
    """As a component whose setting `labels` has them, whatever is beside the text in its batch."""

    def found(nlp, docs):
        docs = nlp.pipe(docs, batch_size=size)
        return [[(*place_of(ent), ent._.padellm_score) for ent in doc.ents] for doc in docs]

    nlp = random_nlp()
    texts = [TEXT, "In Rome we met Tim Lee.", TEXT, "Tim Lee left Oslo today.", TEXT, TEXT]
    docs = [asking(nlp, *pair) for pair in zip(DESCRIBED, texts, strict=True)]
    alone = [
        found(random_nlp(**({"labels": labels} if labels else {})), [text])[0]
        for labels, text in zip(DESCRIBED, texts, strict=True)
    ]
    mixed = found(nlp, docs)
    assert [[s[:3] for s in one] for one in mixed] == [[s[:3] for s in one] for one in alone]
    assert [s[3] for one in mixed for s in one] == pytest.approx(
        [s[3] for one in alone for s in one], abs=1e-3
    )
    assert mixed[0] and mixed[1] != mixed[0]


@pytest.mark.filterwarnings("ignore:.*was not trained with")
def test_descriptions_of_texts_take_the_place_of_none_that_is_in_use(scripted):
    """A decoder for each set of descriptions: the component's own stays, and of the others those
    that were used last."""
    nlp, asked = scripted({})
    pipe = nlp.get_pipe("padellm_ner")
    own = pipe.doc_decoder
    made = []
    real = type(pipe.shim).make_decoder  # scripted, too

    def make_decoder(*args):
        made.append(args)
        return real(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pipe.shim), "make_decoder", make_decoder)
        for i in range(3 * MOST_KEPT):
            for words in ("people", f"people, in words number {i}"):
                nlp(asking(nlp, {"PER": words}))
            assert len(made) == i + 2  # "people" once
        nlp(TEXT)
        assert pipe.doc_decoder is own and len(made) == 3 * MOST_KEPT + 1
    assert len(asked) == 6 * MOST_KEPT + 1


@pytest.mark.parametrize("method", ["tree", "rows", "paper"])
def test_a_batch_of_mixed_labels_decodes_as_each_text_alone(random_lm, method):
    decoder = Decoder(random_lm.lm, random_lm.encoder(), DecodingSettings(method=method))
    sets = [("PER",), ("LOC", "PER"), ("PER", "LOC", "X"), ("LOC",)]
    texts = [text for text in [*TEXTS, *SENTENCES] if text]
    inputs = [TextInput(text, labels=sets[i % 4]) for i, text in enumerate(texts)]
    together = decoder.predict(inputs)
    for text, prediction in zip(inputs, together, strict=True):
        (alone,) = decoder.predict([text.text], text.labels)
        assert [c.label for c in prediction.counts] == list(text.labels)
        assert [(m.label, m.text) for m in prediction.mentions] == [
            (m.label, m.text) for m in alone.mentions
        ]
