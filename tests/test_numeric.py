"""Numbers from outside: every setting, file and answer that holds one."""

import math
from dataclasses import replace

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.learning.label_noise import LabelNoise
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.models.model_settings import read_settings
from spacy_padellm.models.place import find_place
from spacy_padellm.pipeline.annotation import SCORE, entity_scores
from spacy_padellm.pipeline.mixture import make_mixture
from spacy_padellm.pipeline.settings import Settings
from spacy_padellm.remote.settings import ServerSettings
from spacy_padellm.spans.calibration import Calibration
from spacy_padellm.spans.numeric import check_number, probability_of, read_log_probability
from spacy_padellm.spans.prediction import Count, Mention

NONE = [math.nan, math.inf, -math.inf, True, "1", [1], -1, 10**5000]
numbers = st.one_of(st.floats(), st.integers(), st.booleans(), st.text(), st.none())


@given(numbers, st.floats(-5, 5), st.booleans())
def test_what_passes_is_a_number_in_its_range(value, least, whole):
    try:
        check_number("it", value, least=least, most=6, whole=whole)
    except ValueError as error:
        assert str(error).startswith("it is ")
        return
    assert math.isfinite(value) and least <= value <= 6 and not isinstance(value, bool)
    assert not whole or value == int(value)


def test_numbers_of_numpy_are_numbers():
    check_number("it", np.float32(0.5), least=0, most=1)
    check_number("it", np.int64(3), least=1, whole=True)
    assert read_log_probability(np.float32(-0.5)) == -0.5


@given(numbers)
def test_a_log_probability_has_a_probability(value):
    try:
        found = probability_of(read_log_probability(value))
    except ValueError:
        return
    assert 0 <= found <= 1


@pytest.mark.parametrize("name", [
    "threshold", "text_loss", "token_budget", "max_count", "max_mention_tokens", "window",
    "overlap", "max_labels", "start_threshold",
])  # fmt: skip
@pytest.mark.parametrize("value", NONE, ids=lambda v: str(v) if v is not NONE[-1] else "long")
def test_settings_of_the_component(name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        replace(Settings(), **{name: value})


@pytest.mark.parametrize("value", NONE, ids=lambda v: str(v) if v is not NONE[-1] else "long")
def test_other_settings(value):
    for name in ("rename", "placeholder", "describe"):
        with pytest.raises(ValueError, match=name):
            LabelNoise(**{name: value})
    with pytest.raises(ValueError, match="slope"):
        Calibration(slope=value)
    if value != -1:
        with pytest.raises(ValueError, match="intercept"):
            Calibration(intercept=value)
    with pytest.raises(ValueError, match="weight of a"):
        make_mixture({"a": lambda nlp: []}, weights={"a": value})
    with pytest.raises(ValueError, match="share of a"):
        Mixture({"a": []}, {"a": value})
    for kind in (Count("A", 1, 1.0), Mention("A", 1, "x", None, None, 1.0)):
        with pytest.raises(ValueError, match="probability"):
            replace(kind, probability=value)


@pytest.mark.parametrize(("name", "value"), [
    ("copy_constraint", "false"), ("overwrite_ents", "no"), ("keep_raw", 1), ("run_ahead", None),
    ("spans_key", 5), ("threshold", "0.5"), ("token_budget", 10**18), ("window", 10**18),
    ("max_mention_tokens", 10**18), ("max_labels", 10**18),
])  # fmt: skip
def test_settings_of_another_type_or_beyond_reason(name, value):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})


@pytest.mark.parametrize("name", ["concurrency", "tries"])
def test_more_requests_than_there_can_be(name):
    with pytest.raises(ValueError, match=name):
        ServerSettings("http://localhost:1/v1", "m", **{name: 10**9})


@pytest.mark.parametrize("name", ["prompt", "model", "stream", "n"])
def test_fields_that_each_request_sets_itself(name):
    with pytest.raises(ValueError, match=name):
        ServerSettings("http://localhost:1/v1", "m", extra={name: 1})


def test_settings_of_the_llm_component():
    pytest.importorskip("spacy_llm")
    from spacy_padellm.spacy_llm.task import make_ner_task
    from spacy_padellm.spacy_llm.two_steps import make_two_steps

    for value in NONE:
        with pytest.raises(ValueError, match="threshold"):
            make_ner_task(["A"], threshold=value)
        with pytest.raises(ValueError, match="max_count"):
            make_two_steps(lambda prompts: prompts, max_count=value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", '"1"', "true", "[]"])
@pytest.mark.parametrize("name", ["slope", "intercept"])
def test_a_calibration_in_a_file(tmp_path, name, number):
    (tmp_path / "config.json").write_text("{}")
    calibration = {"slope": "1", "intercept": "0", name: number}
    inner = ", ".join(f'"{key}": {value}' for key, value in calibration.items())
    (tmp_path / "padellm.json").write_text(f'{{"format": 1, "calibration": {{{inner}}}}}')
    with pytest.raises(ValueError, match=r"padellm\.json"):
        read_settings(find_place(str(tmp_path), "name"))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1e-300, 1e300), st.floats(-1e300, 1e300))
def test_what_is_calibrated_is_a_probability(count, mention, slope, intercept):
    assert 0 <= Calibration(slope, intercept).probability(count, mention) <= 1


def test_scores_that_files_bring_along():
    doc = spacy.blank("en")("Ada met Bo and Cy and Di")
    doc.set_ents([doc.char_span(at, at + n, "PER") for at, n in ((0, 3), (8, 2), (15, 2), (22, 2))])
    for ent, score in zip(doc.ents, (math.nan, 5.0, "0.9", np.float32(0.5)), strict=True):
        ent._.set(SCORE, score)
    assert [(ent.text, score) for ent, score in entity_scores(doc)] == [("Di", 0.5)]


def test_a_model_whose_numbers_overflow_says_so(lm_folder, tmp_path):
    """As in float16: weights that are NaN give NaN everywhere."""
    from spacy_padellm.decoding import Decoder
    from spacy_padellm.models.load import load_model
    from spacy_padellm.models.loaded_model import ModelSource

    loaded = load_model(ModelSource(str(lm_folder)))
    for weight in loaded.lm.model.get_output_embeddings().parameters():
        weight.data.fill_(math.nan)
    with pytest.raises(ValueError, match="NaN"):
        Decoder(loaded.lm, loaded.encoder()).predict(["Ada met Bo."], ("PER",))
