"""Other packages for the same work, in the same environment: `make test-beside` installs them."""

import pytest
import spacy
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

gliner = pytest.importorskip("gliner")

LEARNED = [
    (("Ada", "Lovelace", "met", "Charles", "Babbage", "."), [[0, 1, "person"], [3, 4, "person"]]),
    (("Turing", "left", "Paris", "."), [[0, 0, "person"], [2, 2, "place"]]),
    (("Charles", "Babbage", "left", "London", "."), [[0, 1, "person"], [3, 3, "place"]]),
    (("Ada", "Lovelace", "met", "Turing", "in", "Rome", "."),
     [[0, 1, "person"], [3, 3, "person"], [5, 5, "place"]]),
    (("Ada", "Lovelace", "met", "Charles", "Babbage", "in", "London", "."),
     [[0, 1, "person"], [3, 4, "person"], [6, 6, "place"]]),
]  # fmt: skip
TEXT = "Ada Lovelace met Charles Babbage in London."


@pytest.fixture(scope="module")
def tiny_gliner(tmp_path_factory):
    """A model of GLiNER made from nothing, which learns a few names here: those on the Hub need a
    network."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("gliner")
    words = sorted({w.lower() for words, _ in LEARNED for w in words} | {"person", "place"})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(vocabulary) + 4, hidden_size=32, **sizes)
    BertModel(config).save_pretrained(folder)
    settings = {"hidden_size": 32, "max_width": 4, "max_len": 64, "dropout": 0.0}
    model = gliner.GLiNER.from_config(gliner.GLiNERConfig(model_name=str(folder), **settings))
    collate = model.data_collator_class(
        model.config, data_processor=model.data_processor, prepare_labels=True
    )
    records = [{"tokenized_text": list(words), "ner": spans} for words, spans in LEARNED]
    batch = collate(records)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.004)
    model.train()
    for _ in range(150):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    return model.eval()


def test_gliner_and_the_model_in_the_box_find_entities(tiny_gliner):
    """Whichever of them is asked first, and asked again after the other."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    wanted = [("Ada Lovelace", "PER"), ("Charles Babbage", "PER"), ("London", "LOC")]
    for _ in range(2):
        theirs = tiny_gliner.predict_entities(TEXT, ["person", "place"], threshold=0.5)
        # Its labels are in an order that its training shuffles; one batch does not teach both.
        assert [found["text"] for found in theirs] == [text for text, _ in wanted]
        assert [(ent.text, ent.label_) for ent in nlp(TEXT).ents] == wanted


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_a_component_of_gliner_in_one_pipeline(tiny_gliner, runtime):
    """As packages around gliner write them: spans of its own, beside `doc.ents` of ours."""

    @spacy.Language.component(f"tiny_gliner_{runtime}")
    def of_gliner(doc):
        found = tiny_gliner.predict_entities(doc.text, ["person", "place"], threshold=0.5)
        spans = [doc.char_span(f["start"], f["end"], f["label"]) for f in found]
        doc.spans["gliner"] = [span for span in spans if span is not None]
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe(f"tiny_gliner_{runtime}")
    nlp.add_pipe("padellm_ner", config={"model": {"runtime": runtime}})
    for doc in nlp.pipe([TEXT, "", TEXT]):
        assert bool(doc.text) == bool(doc.ents) == bool(doc.spans["gliner"])
