import itertools
import json
import shutil
import subprocess
import sys
import textwrap
import weakref

import pytest
import spacy
from sample_pipelines import TEXTS, change, spans_of
from spacy.tokens import Doc

GRID = {
    "empty": "",
    "blank": " ",
    "white": "\n\t  \u3000",
    "word": "London",
    "long": "Ada Lovelace met Charles Babbage in London. " * 60,
    "chinese": "小明在北京工作，小红在上海。",
    "arabic": "وُلِدَ محمد في القاهرة.",
    "emoji": "👩‍👩‍👧 in 🇫🇷 with É́",
    "control": "a\x00b\x07c\ufeff\u200b d\r\ne",
    "markers": "<num> <|text|> entity type: <|1|><|mention 1|> \n\n<num>2\n<mention 1> <|end|>",
}


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("settings", [
    {"annotate": "ents"},
    {"annotate": "spans", "alignment_mode": "expand"},
    {"annotate": "ents", "copy_constraint": False, "decoder": "rows"},
], ids=lambda s: "-".join(map(str, s.values())))  # fmt: skip
def test_every_text_is_annotated_in_order(random_nlp, settings, batch_size):
    nlp = random_nlp(window=128, overlap=16, max_mention_tokens=6, **settings)
    docs = list(nlp.pipe(GRID.values(), batch_size=batch_size))
    assert [doc.text for doc in docs] == list(GRID.values())
    found = 0
    for doc in docs:
        spans = doc.spans["sc"] if settings["annotate"] == "spans" else doc.ents
        found += len(spans)
        if settings["annotate"] == "spans":
            assert len(doc.spans["sc"].attrs["scores"]) == len(spans)
        for span in spans:
            assert span.label_ in ("PER", "LOC") and span.text.strip()
    if settings.get("copy_constraint", True):
        assert found, "the random model should say something"


@pytest.mark.parametrize("text, mend", [
    ("安格拉默克尔昨天从柏林飞往上海。", "spacy.blank('zh') makes each character a token"),
    ("กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุด", "spacy.blank('th') for Thai"),
    ("小明 在 北京 工作。 Angela Merkel, Bundeswirtschaftsministerium", None),
])  # fmt: skip
def test_tokens_that_are_phrases_are_told(trained, caplog, text, mend):
    """A pipeline for English knows no words of a language without spaces; one character is one."""
    trained(text)
    told = [message for message in caplog.messages if "use a tokenizer" in message.lower()]
    assert [mend in message for message in told] == [True] * (mend is not None)
    caplog.clear()
    characters = list(text.replace(" ", ""))
    trained(Doc(trained.vocab, characters, [False] * len(characters)))
    assert not caplog.messages


def test_text_is_data(trained):
    """Markers in a text change no structure: the names in it are found as ever."""
    for text in ("Ada Lovelace lives in Paris. <|num|> <|3|>", "Ada Lovelace lives in Paris."):
        assert (0, 12, "PER") in spans_of(trained(text))


def test_batch_size_does_not_matter(trained):
    texts = TEXTS * 5
    alone = [spans_of(trained(text)) for text in texts]
    assert alone[0] == [(0, 12, "PER"), (22, 27, "LOC")]
    for size in (1, 7, 100):
        assert [spans_of(doc) for doc in trained.pipe(texts, batch_size=size)] == alone


def test_as_tuples(trained):
    pairs = [(text, i) for i, text in enumerate(TEXTS)]
    out = list(trained.pipe(pairs, as_tuples=True, batch_size=2))
    assert [(doc.text, i) for doc, i in out] == pairs


def test_docs_with_words_of_ones_own(trained):
    doc = Doc(trained.vocab, words=["Ada", "Lovelace", "lives", "in", "Paris", "."])
    assert [ent.text for ent in trained(doc).ents] == ["Ada Lovelace", "Paris"]
    assert len(trained(Doc(trained.vocab))) == 0


def test_an_endless_stream_takes_constant_memory(trained):
    taken = 0
    alive: weakref.WeakSet[Doc] = weakref.WeakSet()

    def stream():
        nonlocal taken
        for i in itertools.count():
            taken += 1
            yield f"Ada Lovelace left Oslo {i}."

    most = 0
    for i, doc in enumerate(trained.pipe(stream(), batch_size=4)):
        alive.add(doc)
        most = max(most, len(alive))
        if i == 40:
            break
    assert taken <= 48 and most <= 9


@pytest.mark.parametrize(("sentence", "sentencizer"), [
    ("Ada met Bob in Rome. ", True),
    ("Ada met Bob in Rome. ", False),  # guessed by punctuation
    ("Ada met Bob in Rome and ", False),
])  # fmt: skip
def test_a_long_doc_loses_nothing(scripted, sentence, sentencizer):
    """Every sentence of 100,000 characters is read, and mentions come back to their place."""
    text = sentence * (100_000 // len(sentence))

    class Script(dict):
        def get(self, window, default=None):
            n = window.count("Ada")
            return [("PER", "Ada", 0.9)] * n + [("LOC", "Rome", 0.8)] * window.count("Rome")

    nlp, asked = scripted(Script(), window=200, overlap=40)
    if sentencizer:
        nlp.add_pipe("sentencizer", first=True)
    doc = nlp(text)
    assert len(doc.ents) == 2 * text.count("Ada")
    length = len(sentence)
    assert [ent.start_char for ent in doc.ents[:4]] == [0, 15, length, length + 15]
    if "." in sentence:
        assert all(window.startswith("Ada met") for window in asked[0])
    assert doc.has_annotation("SENT_START") == sentencizer


def test_windows_are_as_long_as_the_model_s_own(lm_folder, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(lm_folder, model)
    settings = json.loads((model / "padellm.json").read_text())
    (model / "padellm.json").write_text(json.dumps({**settings, "window": 40}))
    text = "Ada Lovelace lives in Paris. " * 40
    for window, expected in ((None, 40), (64, 64)):
        nlp = spacy.blank("en")
        config = {"model": {"name": str(model)}, "window": window}
        pipe = nlp.add_pipe("padellm_ner", config=config)
        nlp(text)
        n_tokens = len(pipe.doc_decoder.encoder.encode_text(text).ids)
        assert pipe.doc_decoder.work.texts >= n_tokens / expected
        assert pipe.doc_decoder.work.texts <= 2 * n_tokens / expected
        nlp.to_disk(tmp_path / f"saved {window}")
        saved = tmp_path / f"saved {window}" / "padellm_ner" / "model" / "padellm.json"
        assert json.loads(saved.read_text())["window"] == 40


def test_windows_agree_with_one_piece(trained):
    text = "Ada Lovelace lives in Paris. " * 3
    whole = spans_of(trained(text))
    change(trained.get_pipe("padellm_ner"), window=8, overlap=0)
    trained.add_pipe("sentencizer", first=True)
    windowed = spans_of(trained(text))
    assert len(windowed) == 6 and set(whole) <= set(windowed)


@pytest.mark.parametrize("space", ["\n", "\r\n", "\t", "  "])
def test_the_model_in_the_box_reads_wrapped_lines(space):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    text = "Angela Merkel visited New York."
    (doc, wrapped) = nlp.pipe([text, text.replace(" ", space)])
    found = [(ent.text, ent.label_, ent._.padellm_score) for ent in doc.ents]
    assert [name for name, _, _ in found] == ["Angela Merkel", "New York"]
    for (name, label, score), ent in zip(found, wrapped.ents, strict=True):
        assert (ent.text, ent.label_) == (name.replace(" ", space), label)
        assert ent._.padellm_score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("annotate", ["ents", "spans"])
@pytest.mark.parametrize("overlap", [0, 16])
def test_a_token_longer_than_the_window_is_read_in_pieces(annotate, overlap, scripted):
    text = "Ada met " + "\u0123" * 3000 + " in Rome"
    nlp, asked = scripted({}, window=64, overlap=overlap, annotate=annotate)
    nlp(text)
    pieces = asked[0]
    encoder = nlp.get_pipe("padellm_ner").shim.loaded.encoder()
    assert all(len(encoder.encode_text(piece).ids) <= 64 for piece in pieces)
    assert overlap or "".join(pieces) == text
    assert sum(map(len, pieces)) >= len(text) and pieces[-1].endswith(" in Rome")


def test_a_doc_of_one_long_token_is_not_lost(random_nlp):
    texts = ["\u5c0f\u660e\u5728\u5317\u4eac\u5de5\u4f5c" * 400, "x" * 20000]
    assert [doc.text for doc in random_nlp().pipe(texts)] == texts


def test_a_copied_mention_on_the_docs_tokens_stays_where_it_is(scripted):
    text = "Take 10mg at 10:30."
    nlp, _ = scripted({text: [("PER", "10", 0.9)]})
    assert [token.text for token in nlp.make_doc(text)] == ["Take", "10", "mg", "at", "10:30", "."]
    assert [(ent.start_char, ent.text) for ent in nlp(text).ents] == [(5, "10")]


def test_only_the_failing_doc_goes_to_the_error_handler(scripted):
    texts = ["Ada came.", "broken", "Bob came."]
    script = {
        texts[0]: [("PER", "Ada", 0.9)],
        "broken": RuntimeError("no way"),
        texts[2]: [("PER", "Bob", 0.9)],
    }
    nlp, _ = scripted(script)
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, e: failed.append((name, docs[0].text, str(e))))
    docs = list(nlp.pipe(texts, batch_size=10))
    assert [spans_of(doc) for doc in docs] == [[(0, 3, "PER")], [(0, 3, "PER")]]
    assert failed == [("padellm_ner", "broken", "no way")]


def test_errors_are_raised_by_default(scripted):
    nlp, _ = scripted({"broken": RuntimeError("no way")})
    with pytest.raises(RuntimeError, match="no way"):
        list(nlp.pipe(["fine", "broken"]))
    with pytest.raises(RuntimeError, match="no way"):
        nlp("broken")


def test_an_error_of_the_consumer_is_not_ours(trained):
    trained.set_error_handler(lambda *args: pytest.fail("not an error of the pipe"))
    stream = trained.get_pipe("padellm_ner").pipe(iter([trained.make_doc("x")]))
    next(stream)
    with pytest.raises(KeyError):
        stream.throw(KeyError("mine"))


def test_predict_leaves_docs_alone(trained):
    pipe = trained.get_pipe("padellm_ner")
    doc = trained.make_doc(TEXTS[0])
    predicted = pipe.predict([doc])
    assert not doc.has_annotation("ENT_IOB")
    pipe.set_annotations([doc], predicted)
    assert spans_of(doc) == [(0, 12, "PER"), (22, 27, "LOC")]


def test_several_processes_do_not_hang(trained_folder):
    """A fork after the parent has run torch with several threads."""
    code = f"""
        import torch, spacy
        torch.set_num_threads(4)
        nlp = spacy.load({str(trained_folder)!r})
        texts = ["Ada Lovelace lives in Paris."] * 8
        one = [[e.text for e in d.ents] for d in nlp.pipe(texts)]
        a = torch.rand(1000, 1000) @ torch.rand(1000, 1000)
        two = [[e.text for e in d.ents] for d in nlp.pipe(texts, n_process=2, batch_size=2)]
        assert one == two == [["Ada Lovelace", "Paris"]] * 8, two
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "forked worker" in done.stderr


def test_works_beside_other_components(trained):
    trained.add_pipe("entity_ruler", before="padellm_ner").add_patterns(
        [{"label": "VERB", "pattern": "lives"}]
    )
    doc = trained(TEXTS[0])
    assert [ent.label_ for ent in doc.ents] == ["PER", "VERB", "LOC"]
