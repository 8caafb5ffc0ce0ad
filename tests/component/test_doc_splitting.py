"""Docs as the language model takes them: cut to its size, and encoded once."""

import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_pipelines import spans_of

from spacy_padellm.pipeline.doc_splitting import split_doc, window_input
from spacy_padellm.prompts.encoding import PromptEncoder

NLP = spacy.blank("xx")
WORDS = ["Ada", "lives", "in", "Paris.", "北京。", "é", "😀", "<|end|>", "\n", "  ", "x" * 40, "1"]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(st.sampled_from(WORDS), max_size=40),
    size=st.integers(8, 200),
    overlap=st.integers(0, 7),
    on_tokens=st.booleans(),
)
def test_windows_cover_a_doc_and_have_the_ids_of_their_text(
    random_lm, words, size, overlap, on_tokens
):
    encoder = random_lm.encoder()
    doc = NLP.make_doc(" ".join(words))
    windows = split_doc(doc, encoder, size, overlap)
    assert bool(windows) == bool(len(doc))
    covered = set()
    for window in windows:
        covered.update(range(window.start, window.end))
        assert window.text == doc.text[window.start : window.end]
        assert window.encoded in (None, encoder.encode_text(window.text))
        given_text = window_input(doc, window, on_tokens, ("PER", "LOC"))
        asked = encoder.prompt(given_text.encoded or given_text.text, ("PER", "LOC"))
        assert asked == encoder.prompt(window.text, ("PER", "LOC"))
        assert window.encoded is None or len(window.encoded.ids) <= size
    assert covered == set(range(len(doc.text)))


def test_a_text_that_fits_its_window_is_encoded_once(random_nlp, monkeypatch):
    """Whether it is short, or so long that only its tokens tell that it fits."""
    encoded, encode_text = [], PromptEncoder.encode_text

    def counted(self, text):
        encoded.append(text)
        return encode_text(self, text)

    monkeypatch.setattr(PromptEncoder, "encode_text", counted)
    short, long = "Ada is in Rome.", "Ada Lovelace lives in Paris. " * 12
    nlp = random_nlp(window=300)
    docs = list(nlp.pipe([short, long]))
    assert len(long.encode()) > 300 and [doc.text for doc in docs] == [short, long]
    assert sorted(text for text in encoded if text) == [long, short]
    assert [spans_of(doc) for doc in docs] == [spans_of(nlp(text)) for text in (short, long)]
