import random

import pytest
import torch

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.batch import batch_loss, make_batch, make_batch_for
from spacy_padellm.learning.examples import make_training_text
from spacy_padellm.learning.label_noise import LabelNoise, spellings
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

LABELS = ("PER", "LOC", "ORG")
ABOUT = {"PER": "people", "LOC": "places"}


def test_names_differ_and_come_from_where_they_should():
    noise = LabelNoise({"PER": ["person", "LOC"]}, rename=1.0, placeholder=0.5, describe=0.5)
    seen = set()
    for seed in range(200):
        drawn = noise.draw(LABELS, ABOUT, random.Random(seed))
        names = list(drawn.names.values())
        assert len(set(names)) == 3 and drawn.names["ORG"] == "ORG"
        for label in LABELS:
            name = drawn.names[label]
            seen.add((label, name.split()[0], name in drawn.descriptions))
            if name.startswith("label "):
                assert drawn.descriptions[name] == ABOUT[label]
    assert {("PER", "person", True), ("PER", "person", False), ("PER", "label", True)} <= seen
    assert ("PER", "LOC", True) not in seen and ("LOC", "LOC", False) in seen


def test_names_in_other_spellings():
    assert spellings("Simple_chemical") == ["simple chemical", "Simple chemical", "SIMPLE CHEMICAL"]
    assert spellings("HumanSettlement")[0] == "human settlement" and spellings("_") == []
    assert spellings("person-athlete")[0] == "person athlete" and "PER" not in spellings("PER")
    noise, seen = LabelNoise({"PER": ["a_person"]}, rename=0.5, spelling=0.5), set()
    for seed in range(100):
        drawn = noise.draw(("PER", "per", "GPE"), {}, random.Random(seed))
        assert len(set(drawn.names.values())) == 3
        seen |= set(drawn.names.items())
    assert {("PER", "a person"), ("PER", "PER"), ("PER", "a_person"), ("GPE", "gpe")} <= seen


def test_gold_is_renamed_with_its_labels():
    drawn = LabelNoise({"PER": ["person"]}, rename=1.0).draw(LABELS, {}, random.Random(0))
    gold = GoldText("Ada in Rome", ((0, 3, "PER"), (7, 11, "LOC")), ("PER", "LOC"))
    renamed = drawn.rename(gold)
    assert renamed.spans == ((0, 3, "person"), (7, 11, "LOC"))
    assert renamed.labels == ("person", "LOC")


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("copies", [False, True])
def test_text_loss_is_language_modelling_once_a_text(
    expanded, copies, compact_model, compact_tokenizer
):
    lm = LanguageModel(compact_model, compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", copies=copies))
    golds = [GoldText("Ada met Bob.", ((0, 3, "PER"),)), GoldText("No one came.", ())]
    texts = [make_training_text(encoder, gold, LABELS) for gold in golds]
    expected = 0.0
    n_tokens = 0
    with torch.no_grad():
        for text in texts:
            trunk = torch.tensor([text.prompt.trunk])
            logits = lm.model(input_ids=trunk).logits[0].float()
            first = max(text.prompt.text_start, 1)
            losses = -torch.log_softmax(logits, -1)[range(len(trunk[0]) - 1), trunk[0, 1:]]
            expected += losses[first - 1 :].sum().item()
            n_tokens += len(losses[first - 1 :])
        plain = make_batch(texts, expanded=expanded, copies=copies)
        with_text = make_batch(texts, expanded=expanded, copies=copies, text_loss=0.25)
        difference = batch_loss(lm, with_text) - batch_loss(lm, plain)
    assert difference.item() == pytest.approx(0.25 * expected, rel=1e-4)
    assert with_text.weight == plain.weight + 0.25 * n_tokens


def test_text_loss_needs_a_causal_text(compact_model, compact_tokenizer):
    lm = LanguageModel(compact_model, compact_tokenizer)
    template = get_template("compact", bidirectional=True)
    encoder = PromptEncoder(compact_tokenizer, template)
    texts = [make_training_text(encoder, GoldText("Ada met Bob.", ()), LABELS)]
    with pytest.raises(ValueError, match="set text_loss to 0"):
        make_batch_for(lm, template, texts, text_loss=0.5)
