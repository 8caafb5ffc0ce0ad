"""How a base is tuned to a format: texts, steps, prompts, what the model has learned."""

import shutil
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_padellm.learning.batch import batch_loss, make_batch_for
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import PLAIN


def test_what_was_learned_is_in_the_model_that_is_measured(
    data, plain_lm_folder, tmp_path, monkeypatch
):
    """New tokens, too: after saving, loading and merging, and wherever the base is by then."""
    from paper import training
    from paper.cells import Cell
    from paper.encoding import make_encoder, make_texts
    from paper.recipe import Recipe
    from paper.scoring import load_tuned
    from paper.sets import draw

    def loss_of(loaded):
        texts = make_texts(name, make_encoder(loaded, False), drawn.train, drawn.labels)
        batch = make_batch_for(loaded.lm, loaded.template, texts)
        with torch.inference_mode():
            return batch_loss(loaded.lm, batch).item() / batch.weight

    def save(loaded, *more):
        losses.append(loss_of(loaded))
        save_model(loaded, *more)

    monkeypatch.setattr(training, "save_model", save)

    for name, template in (("padellm", "compact"), ("augmented", "plain")):
        cell = Cell("plain", "trips", template, "bare", name, 0)
        base = shutil.copytree(plain_lm_folder, tmp_path / "bases" / name)
        recipe = Recipe(str(base), batch_tokens=64, epochs=2, rank=4, learn_rate=1e-2)
        drawn = draw(data, "trips", recipe, 0)
        losses = [loss_of(training.load_for(cell, recipe, drawn.labels))]
        training.tune(cell, recipe, drawn, tmp_path / name)
        moved = replace(recipe, base=str(shutil.move(base, tmp_path / f"moved {name}")))
        losses.append(loss_of(load_tuned(tmp_path / name, moved)))
        before, trained, loaded = losses
        assert trained < before and loaded == pytest.approx(trained, rel=1e-4)


def test_guided_prompts_say_what_labels_mean(data, run, plain_lm_folder):
    from paper.cells import Cell
    from paper.guidelines import guidelines
    from paper.recipe import Recipe
    from paper.training import load_for

    status, said = run("--prompts", "bare", "guided")
    assert status == 2 and "no guidelines for trips, only for conll03" in said
    status, said = run("--sets", "conll03", "--prompts", "guided", "--templates", "compact")
    assert status == 2 and "no set conll03" in said
    (data / "trips").rename(data / "conll03")
    status, said = run("--sets", "conll03", "--prompts", "guided", "--templates", "compact")
    assert status == 2 and "give --templates plain" in said
    cell = Cell("b", "conll03", "plain", "guided", "padellm", 0)
    loaded = load_for(cell, Recipe(str(plain_lm_folder)), ("LOC", "PER"))
    assert loaded.settings.descriptions == {k: guidelines("conll03")[k] for k in ("LOC", "PER")}
    assert cell.group == ("b", "conll03", "plain", "guided")


@settings(deadline=None)
@given(st.text(st.sampled_from("中文の a1é,😀\n")))
def test_characters_of_scripts_without_blanks_are_read_apart(plain_tokenizer, text):
    from paper.encoding import CharacterEncoder

    encoded = CharacterEncoder(plain_tokenizer, PLAIN).encode_text(text)
    starts, ends = encoded.token_places()
    for i, char in enumerate(text):
        if char in "中文の":
            assert i in starts and i + 1 in ends
    assert all(0 <= start <= end <= len(text) for start, end in encoded.offsets)
    black = [i for i, char in enumerate(text) if not char.isspace()]
    covered = {i for start, end in encoded.offsets for i in range(start, end)}
    assert set(black) <= covered


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.integers(1, 3),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_every_epoch_has_every_text_once_in_steps_of_like_size(sizes, epochs, steps):
    from paper.recipe import Recipe
    from paper.training import Schedule

    recipe = Recipe("b", epochs=epochs, steps=steps, batch_tokens=50)
    batches = Schedule(sizes, recipe, 0).batches()
    assert batches == Schedule(sizes, recipe, 0).batches()
    assert all(len(plan) == 1 or sum(sizes[i] for i in plan) <= 50 for _, plan in batches)
    if steps is None:
        read = sorted(i for _, plan in batches for i in plan)
        assert read == sorted([*range(len(sizes))] * epochs) and batches[-1][0] == epochs
    else:
        assert len(batches) <= steps
