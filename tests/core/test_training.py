import numpy as np
import pytest
import torch

from spacy_padellm.decoding import Decoder
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.batch import batch_loss, make_batch
from spacy_padellm.learning.examples import make_training_text
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.make import create_model, train_tokenizer
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import PRESETS, get_template
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.checkpoints import list_checkpoints
from spacy_padellm.training.from_text.finetuning import evaluate_spans, finetune
from spacy_padellm.training.from_text.pretraining import encode_lines, pretrain
from spacy_padellm.training.from_text.tagging import TaggingHeads

from .conftest import CORPUS

TEXT = "Ada Lovelace met Charles Babbage in London on 5 May 1833."
GOLD = [
    GoldText(TEXT, ((0, 12, "PER"), (17, 32, "PER"), (36, 42, "LOC"))),
    GoldText("No one in London.", ((10, 16, "LOC"),)),
    GoldText("", ()),
]
LABELS = ("PER", "LOC", "WORK")
SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


def new_lm(tokenizer):
    torch.manual_seed(0)
    return LanguageModel(create_model(tokenizer, **SMALL), tokenizer)


def gradients(lm, batch):
    lm.model.zero_grad()
    loss = batch_loss(lm, batch)
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in lm.model.named_parameters()}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("preset", PRESETS)
def test_packed_loss_and_gradients_are_those_of_expanded_rows(
    preset, bidirectional, compact_tokenizer, sentencepiece_tokenizer
):
    tokenizer = compact_tokenizer if preset == "compact" else sentencepiece_tokenizer
    if get_template(preset).joint and bidirectional:
        pytest.skip("the paper's prompts are causal")
    lm = new_lm(tokenizer)
    encoder = PromptEncoder(tokenizer, get_template(preset, bidirectional=bidirectional))
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    packed = make_batch(texts, bidirectional)
    expanded = make_batch(texts, bidirectional, expanded=True)
    assert packed.n_tokens < expanded.n_tokens
    loss, grads = gradients(lm, packed)
    expected_loss, expected = gradients(lm, expanded)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, grad in grads.items():
        assert torch.allclose(grad, expected[name], rtol=1e-3, atol=1e-4), name


def test_copies_are_chosen_among_the_tokens_of_the_text_and_counts_among_numbers(compact_tokenizer):
    lm = new_lm(compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", copies=True))
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    batch = make_batch(texts, copies=True)
    with torch.no_grad():
        loss = batch_loss(lm, batch).item()
        logits = lm.tree_pass(batch.taken, None, batch.rows, batch.columns)
    expected = 0.0
    places = [(text, path) for text in texts for path in text.paths for _ in range(path.n_targets)]
    for row, target, (text, path) in zip(logits, batch.targets, places, strict=True):
        among = set(text.prompt.encoded.ids) | {path.ids[-1]}
        chosen = row[sorted(among) if path.is_mention else list(encoder.number_ids)]
        expected += float(torch.logsumexp(chosen, 0) - row[target])
    assert loss == pytest.approx(expected, rel=1e-4)


def test_targets_are_the_counts_and_the_text_s_own_slices(compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    training = make_training_text(encoder, GOLD[0], LABELS)
    written = [
        compact_tokenizer.convert_ids_to_tokens(list(path.ids[-path.n_targets :]))
        for path in training.paths
    ]
    assert written[0] == ["<|2|>"] and written[3] == ["<|1|>"] and written[5] == ["<|0|>"]
    assert encoder.read_mention(training.paths[1].ids[-training.paths[1].n_targets :]) == (
        "Ada Lovelace"
    )
    ids = training.prompt.encoded.ids
    mention = training.paths[1].ids[-training.paths[1].n_targets : -1]
    assert mention == ids[: len(mention)]


def test_spans_off_the_tokens_or_over_the_cap_are_reported(compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"), max_count=1)
    inside = (1, 3, "PER")
    gold = GoldText(TEXT, (inside, *GOLD[0].spans))
    training = make_training_text(encoder, gold, LABELS)
    assert training.unaligned == (inside,)
    first, further = training.prompt.encoded, training.beyond[0]
    at = first.offsets[further.start][0], first.offsets[further.end - 1][1]
    assert at == (17, 32) and [(one.label, one.index) for one in training.beyond] == [("PER", 2)]
    assert [one.index for one in training.mentions if one.label == "PER"] == [1]


def test_labels_can_be_sampled_and_restricted_to_those_annotated(compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    many = tuple(f"L{i}" for i in range(30)) + LABELS
    sampled = make_training_text(encoder, GOLD[0], many, max_labels=5)
    assert {"PER", "LOC"} <= set(sampled.prompt.labels) and len(sampled.prompt.labels) == 5
    only = GoldText(TEXT, GOLD[0].spans, labels=("LOC",))
    assert make_training_text(encoder, only, LABELS).prompt.labels == ("LOC",)


def test_finetuning_learns_and_resumes(compact_tokenizer, tmp_path):
    lm = new_lm(compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", bidirectional=True))
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    decoder = Decoder(lm, encoder)

    def score():
        return evaluate_spans(decoder, GOLD, LABELS)["f"]

    mixture = Mixture({"a": texts}, batch_tokens=512)
    finetune(lm, encoder, mixture, tmp_path, Budget(steps=40), learn_rate=1e-2, evaluate=score)
    again = new_lm(compact_tokenizer)
    decoder.lm = again
    log = finetune(
        again, encoder, mixture, tmp_path, Budget(steps=80), learn_rate=1e-2, evaluate=score
    )
    assert [entry["step"] for entry in log if "score" in entry] == [40, 80]
    assert score() == 1.0


def test_a_best_score_outlives_a_kill(compact_tokenizer, tmp_path):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", bidirectional=True))
    mixture = Mixture({"a": [make_training_text(encoder, gold, LABELS) for gold in GOLD]})
    scored = []

    def run(scores, steps):
        asked = iter(scores)
        times = {"evaluate_seconds": 0, "checkpoint_seconds": 1000}
        lm = new_lm(compact_tokenizer)

        def score():
            scored.append({name: value.clone() for name, value in lm.model.state_dict().items()})
            return next(asked)

        log = finetune(lm, encoder, mixture, tmp_path, Budget(steps=steps), evaluate=score, **times)
        return lm.model.state_dict(), log

    with pytest.raises(StopIteration):  # the end of scores stands for a kill
        run([0.2, 0.9], steps=50)
    for _ in range(2):  # the second finds that there is nothing left to do
        found, log = run([0.3] * 10, steps=8)
        assert all(torch.equal(value, scored[1][name]) for name, value in found.items())
        assert [entry["score"] for entry in log if "score" in entry] == [0.2, 0.9, *[0.3] * 6]
    assert [checkpoint.step for checkpoint in list_checkpoints(tmp_path)] == [8, 2, 1]


def test_weights_that_are_no_numbers_are_not_saved(compact_tokenizer, tmp_path):
    lm = new_lm(compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", bidirectional=True))
    mixture = Mixture({"a": [make_training_text(encoder, gold, LABELS) for gold in GOLD]})
    finetune(lm, encoder, mixture, tmp_path, Budget(steps=3))
    options = {"learn_rate": 1e30, "checkpoint_seconds": 1000}
    with pytest.raises(ValueError, match=r"the loss is .*: lower the learning rate; the same comm"):
        finetune(lm, encoder, mixture, tmp_path, Budget(steps=60), **options)
    assert [checkpoint.step for checkpoint in list_checkpoints(tmp_path)] == [3]


def test_a_checkpoint_of_another_model_is_refused(compact_tokenizer, tmp_path):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", bidirectional=True))
    mixture = Mixture({"a": [make_training_text(encoder, gold, LABELS) for gold in GOLD]})
    larger = LanguageModel(
        create_model(compact_tokenizer, **{**SMALL, "num_hidden_layers": 3}), compact_tokenizer
    )
    finetune(larger, encoder, mixture, tmp_path, Budget(steps=1))
    with pytest.raises(ValueError, match="checkpoint of another model"):
        finetune(new_lm(compact_tokenizer), encoder, mixture, tmp_path, Budget(steps=2))


def test_tagging_heads_learn_along_and_leave_the_model_as_it_was(compact_tokenizer, tmp_path):
    lm = new_lm(compact_tokenizer)
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", bidirectional=True))
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    batch = make_batch(texts, bidirectional=True)

    def tag_loss():
        batch_loss(lm, batch)
        return heads.loss(batch).item()

    heads = TaggingHeads(lm, LABELS)
    before = tag_loss()
    mixture = Mixture({"a": texts}, batch_tokens=512)
    finetune(lm, encoder, mixture, tmp_path, Budget(steps=60), learn_rate=1e-2, heads=heads)
    assert tag_loss() < before / 4
    decoded = lm.tree_pass(batch.taken, None, batch.rows, batch.columns)
    heads.close()
    assert torch.equal(lm.tree_pass(batch.taken, None, batch.rows, batch.columns), decoded)
    assert not any("tag" in name for name in lm.model.state_dict())
    again = new_lm(compact_tokenizer)
    finetune(again, encoder, mixture, tmp_path, Budget(steps=60), heads=TaggingHeads(again, LABELS))
    for name, weight in lm.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name


def test_tagging_heads_say_what_they_need(compact_tokenizer, sentencepiece_tokenizer):
    lm = new_lm(compact_tokenizer)
    with pytest.raises(ValueError, match="2 layers"):
        TaggingHeads(lm, LABELS, layers=(1, 2))
    other = LanguageModel(
        create_model(compact_tokenizer, "gpt2", n_layer=1, n_embd=8, n_head=1), None
    )
    with pytest.raises(ValueError, match="`layers`"):
        TaggingHeads(other, LABELS)
    lm = new_lm(sentencepiece_tokenizer)
    encoder = PromptEncoder(sentencepiece_tokenizer, get_template("plain"))
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    batch = make_batch(texts, expanded=True)
    heads = TaggingHeads(lm, LABELS)
    batch_loss(lm, batch)
    with pytest.raises(ValueError, match="packed rows"):
        heads.loss(batch)


def test_sizes_are_checked(compact_tokenizer):
    with pytest.raises(ValueError, match="did you mean 'hidden_size'"):
        create_model(compact_tokenizer, hiden_size=32)
    with pytest.raises(ValueError, match=r"model\.sizes"):
        create_model(compact_tokenizer, "gpt2", n_embd=30, n_head=4, n_layer=1)


def test_mixture_gives_each_set_its_share(compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"))
    text = make_training_text(encoder, GOLD[0], LABELS)
    other = make_training_text(encoder, GOLD[1], LABELS)
    mixture = Mixture({"a": [text] * 10, "b": [other] * 10}, {"a": 0.5, "b": 2}, 200)
    drawn = [t.prompt.encoded.text for batch in mixture.epoch(0) for t in batch]
    assert drawn.count(TEXT) == 5 and drawn.count(GOLD[1].text) == 20
    with pytest.raises(ValueError, match="shares"):
        Mixture({"a": [text]}, {"c": 1})
    with pytest.raises(ValueError, match="no text"):
        Mixture({})


def test_pretraining_lowers_the_loss_and_resumes(compact_tokenizer, tmp_path):
    ids = np.concatenate(list(encode_lines(compact_tokenizer, CORPUS * 3)))
    assert ids.dtype == np.uint16
    lm = new_lm(compact_tokenizer)
    settings = {"rows": 4, "row_length": 32, "learn_rate": 1e-2, "progress": False}
    pretrain(lm.model, ids, tmp_path, Budget(steps=50), **settings)
    again = new_lm(compact_tokenizer)
    log = pretrain(again.model, ids, tmp_path, Budget(steps=100), **settings)
    assert [entry["step"] for entry in log] == [50, 100]
    assert log[1]["loss"] < 0.7 * log[0]["loss"]
    with pytest.raises(ValueError, match="fewer"):
        pretrain(again.model, ids[:10], tmp_path, Budget(steps=1))


def test_a_vocabulary_too_small_says_how_many_are_needed():
    with pytest.raises(ValueError, match="at least"):
        train_tokenizer(["a"], vocab_size=300)


def test_an_unknown_architecture_is_named(compact_tokenizer):
    with pytest.raises(ValueError, match="lama9"):
        create_model(compact_tokenizer, "lama9")
