"""Examples before every text of an exported model, as of the model on torch."""

import pytest
from core.families import LABELS, TEXTS, make

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.prompts.demonstrations import with_demonstrations
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.preamble import Demonstration
from spacy_padellm.prompts.template import get_template

from .test_families import exported

SHOWN = [Demonstration("Bo left Rome.", ((0, 2, "PER"), (8, 12, "LOC"))), Demonstration("No one.")]


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_the_same_mentions_as_on_torch(name, compact_tokenizer, tmp_path):
    lm = make(name, compact_tokenizer)
    onnx = exported(lm, tmp_path)
    encoder = PromptEncoder(compact_tokenizer, get_template("plain"), max_count=4)
    encoder = with_demonstrations(encoder, SHOWN, LABELS)
    for method in ("tree", "rows"):
        settings = DecodingSettings(method, max_mention_tokens=6, token_budget=60)
        ours, theirs = (
            Decoder(one, encoder, settings).predict(TEXTS, LABELS) for one in (onnx, lm)
        )
        found = [[(m.label, m.start, m.end) for m in of_text.mentions] for of_text in ours]
        assert found == [[(m.label, m.start, m.end) for m in of.mentions] for of in theirs]
        scores = [m.probability for of_text in theirs for m in of_text.mentions]
        assert [m.probability for of in ours for m in of.mentions] == pytest.approx(
            scores, abs=1e-4
        )
        assert any(found) and len(onnx.preambles) == 1
