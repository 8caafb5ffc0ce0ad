import pytest
import torch

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.batch import batch_loss, make_batch
from spacy_padellm.learning.examples import for_tagging, make_training_text
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.learning.muon import Muon
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.make import create_model
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.from_text.finetuning import finetune
from spacy_padellm.training.from_text.surface import SurfaceFeatures, shape
from spacy_padellm.training.from_text.tagging import TaggingHeads

from .test_training import GOLD, LABELS, SMALL


def new_lm(tokenizer, **sizes):
    torch.manual_seed(0)
    sizes = {**SMALL, "num_hidden_layers": 3, "tie_word_embeddings": True, **sizes}
    return LanguageModel(create_model(tokenizer, **sizes), tokenizer)


def logits(lm, ids=(5, 300, 301)):
    with torch.no_grad():
        return lm.model(input_ids=torch.tensor([ids])).logits


def test_shape():
    assert [shape(s) for s in (" Ada", "LOVE", "4th", "...")] == [
        (True, "Xxx"),
        (False, "XXXX"),
        (False, "dxx"),
        (False, "ooo"),
    ]


def test_what_was_learnt_of_shared_features_stays_in_a_plain_model(compact_tokenizer, tmp_path):
    lm = new_lm(compact_tokenizer)
    names = set(lm.model.state_dict())
    with SurfaceFeatures(lm) as features:
        inside = logits(lm)
        table = features.tables[1]
        with torch.no_grad():
            table.weight += 1
        assert not torch.allclose(logits(lm), inside)
        inside = logits(lm)
    torch.testing.assert_close(logits(lm), inside)
    assert set(lm.model.state_dict()) == names
    assert lm.model.lm_head.weight is lm.model.get_input_embeddings().weight
    lm.model.save_pretrained(tmp_path)
    again = type(lm.model).from_pretrained(tmp_path)
    torch.testing.assert_close(logits(LanguageModel(again, compact_tokenizer)), inside)


def test_tokens_that_look_alike_learn_together(compact_tokenizer):
    lm = new_lm(compact_tokenizer)
    vocabulary = compact_tokenizer.get_vocab()
    upper, lower, other = (vocabulary[token] for token in ("A", "a", "9"))
    with SurfaceFeatures(lm) as features:
        table = lm.model.get_input_embeddings().weight
        table[upper].sum().backward()
        letters = features.tables[0].weight.grad.abs().sum(1)
        assert letters[features.places0[lower]] > 0
        assert letters[features.places0[other]] == 0


def test_surface_features_need_tied_embeddings(compact_tokenizer):
    with pytest.raises(ValueError, match="tie_word_embeddings"):
        SurfaceFeatures(new_lm(compact_tokenizer, tie_word_embeddings=False))


def test_training_with_features_muon_and_texts_for_tagging_alone_resumes(
    compact_tokenizer, tmp_path
):
    encoder = PromptEncoder(
        compact_tokenizer, get_template("compact", bidirectional=True, copies=True)
    )
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    sets = {"whole": texts, "tags": [for_tagging(text) for text in texts]}

    def run(folder, *steps):
        lm = new_lm(compact_tokenizer)
        for n in steps:
            lm = new_lm(compact_tokenizer)
            with SurfaceFeatures(lm), TaggingHeads(lm, LABELS) as heads:
                log = finetune(
                    lm,
                    encoder,
                    Mixture(sets, batch_tokens=64),
                    tmp_path / folder,
                    Budget(steps=n),
                    learn_rate=5e-3,
                    heads=heads,
                    optimizer_name="muon",
                )
        return lm, log

    whole, log = run("whole", 150)
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    again, _ = run("again", 150, 150)  # there is nothing left to do
    torch.testing.assert_close(logits(again), logits(whole), rtol=1e-3, atol=1e-3)


def test_texts_for_tagging_alone_have_no_other_loss(compact_tokenizer):
    lm = new_lm(compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", copies=True))
    text = for_tagging(make_training_text(encoder, GoldText(*GOLD[0].__dict__.values()), LABELS))
    assert text.size < make_training_text(encoder, GOLD[0], LABELS).size
    batch = make_batch([text], copies=True)
    assert batch.weight == 0 and batch_loss(lm, batch).item() == 0
    with TaggingHeads(lm, LABELS) as heads:
        batch_loss(lm, batch)
        assert heads.loss(batch).item() > 0


def test_muon_steps_have_the_same_size_in_all_directions():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(8, 32))
    weight.grad = torch.randn(8, 32) * torch.logspace(-3, 0, 8)[:, None]
    Muon([weight], learn_rate=1.0, weight_decay=0.0).step()
    sizes = torch.linalg.svdvals(weight.detach()) / (0.2 * 32**0.5)
    assert sizes.min() > 0.3 and sizes.max() < 1.3
