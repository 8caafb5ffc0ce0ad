"""`padellm train` of a file of texts: the config that is made for it, and the run."""

import csv
import itertools
import json
from pathlib import Path

import pytest
import spacy
from sample_pipelines import make_examples, spans_of
from spacy.cli._util import app
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config, registry
from typer.testing import CliRunner

from spacy_padellm import cli
from spacy_padellm.formats.doc_gold import GoldSource
from spacy_padellm.learning.held_out import place_of
from spacy_padellm.models import mixed_precision
from spacy_padellm.pipeline.corpora import make_corpus
from spacy_padellm.training.from_config.own_data import OwnData, make_config
from spacy_padellm.training.from_config.recipe import (
    ADAPTER,
    POINTING,
    WHOLE,
    choose_dev_share,
    choose_rate,
    choose_recipe,
    choose_steps,
    schedule,
)

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = ["Ada", "Bo", "Cy", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo"]


def train(*words):
    assert cli.padellm_app.registered_commands
    done = CliRunner().invoke(app, ["padellm", "train", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.output.split())


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "entities"])
        writer.writerows((text, json.dumps(spans)) for text, spans in rows)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """120 rows, of some hundred different texts."""
    examples = make_examples(spacy.blank("en"), 120)
    rows = [(eg.reference.text, [[*span] for span in spans_of(eg.reference)]) for eg in examples]
    return write_csv(tmp_path_factory.mktemp("data") / "train.csv", rows)


def made(data, overrides=None, **given):
    said = []
    config = make_config(OwnData(data, **given), overrides or {}, said.append)
    return config, said


def texts_of(config, part):
    block = config.interpolate()["corpora"][part]
    nlp = spacy.blank("en")
    return [eg.reference.text for eg in registry.resolve({"it": block})["it"](nlp)]


def test_from_a_csv_to_a_pipeline(data, lm_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(data.parent)
    out = tmp_path / "out"
    rate = ["--training.optimizer.learn_rate.initial_rate", "0.01"]
    more = ["--training.optimizer.learn_rate.total_steps", "50", "--training.batcher.size", "100"]
    command = ["train.csv", "-o", out, "--base", lm_folder, *rate, *more]
    code, told = train(*command)
    assert code == 0, told
    assert "training all of them" in told and "held-out texts; 50 steps" in told
    nlp = spacy.load(out / "model-best")
    assert spans_of(nlp("Grace Hopper lives in Oslo.")) == [(0, 12, "PER"), (22, 26, "LOC")]
    report = json.loads((out / "report.json").read_text())
    assert len(report["evaluations"]) == 5

    # The config stands by itself, from anywhere; it goes on, and elsewhere it begins anew.
    monkeypatch.chdir(tmp_path)
    assert load_config(out / "config.cfg", interpolate=True)["training"]["max_steps"] == 50
    sections = [s for s in (out / "config.cfg").read_text().splitlines() if s.startswith("[")]
    assert sections[:4] == ["[paths]", "[system]", "[nlp]", "[nlp.tokenizer]"]
    code, told = train(out / "config.cfg", "-o", "again", "--training.max_steps", 1)
    assert code == 0 and Path("again/model-last").exists(), told
    code, told = train(data, "-o", out, "--base", lm_folder)
    assert code == 1 and "--resume" in told
    code, told = train(data, "-o", out, "--resume", "--base", lm_folder)
    assert code == 0 and "own config" in told and "50 steps" not in told
    assert json.loads((out / "report.json").read_text())["evaluations"] == report["evaluations"]
    other = write_csv(tmp_path / "other.csv", [("Ada met Bo.", [[0, 3, "PER"]])])
    for words in (
        [other],
        [data, "--base", "english"],
        [data, "--dev", other],
        [data, "--lang=de"],
    ):
        code, told = train(*words, "-o", out, "--resume")
        assert code == 1 and "was started with" in told, told


def test_texts_that_have_changed_are_noticed_on_resuming(data, lm_folder, tmp_path, caplog):
    rows = [*csv.reader(data.open(encoding="utf8"))][1:]
    path, out = tmp_path / "own.csv", tmp_path / "out"

    def go_on(source, steps, changed=None):
        now = [(text, json.loads(spans)) for text, spans in rows]
        if changed is not None:
            now[changed] = (now[changed][0], [])
        write_csv(path, now)
        base = ["--base", lm_folder] if source == path else []
        options = ["--training.max_steps", steps, "--training.batcher.size", "20"]
        return train(source, "-o", out, *base, *options, "--resume")

    share = made(data)[0]["corpora"]["train"]["dev_share"]
    places = [place_of(text) if len(spans) > 2 else None for text, spans in rows]
    learned = next(i for i, place in enumerate(places) if place is not None and place >= share)
    held_out = next(i for i, place in enumerate(places) if place is not None and place < share)
    assert go_on(path, 1)[0] == 0
    changes = [(learned, "train"), (held_out, "dev")]
    for steps, (changed, name) in itertools.product((2, 1), changes):  # 1: it is over
        code, told = go_on(path, steps, changed)
        assert code == 1 and f"the texts of the {name} corpus have changed" in told, told
        assert "start a new run in another --output" in told
    code, told = go_on(path, 3)
    assert code == 0 and "corpus have changed" not in caplog.text, told
    # With a config of one's own it goes on, as with other settings.
    code, told = go_on(out / "config.cfg", 4, learned)
    assert code == 0 and "the texts of the train corpus have changed" in caplog.text, told


def test_parts_are_disjoint_and_whole(data):
    nlp = spacy.blank("en")
    whole = [eg.reference.text for eg in make_corpus(data)(nlp)]
    parts = {}
    for part in ("train", "dev"):
        read = make_corpus(data, part=part, dev_share=0.3)
        parts[part] = [eg.reference.text for eg in read(nlp)]
        assert parts[part] == [eg.reference.text for eg in read(nlp)] != []
    assert not set(parts["train"]) & set(parts["dev"])
    assert sorted(parts["train"] + parts["dev"]) == sorted(whole)
    assert place_of("Ada met\tBo. ") == place_of("Ada met Bo.") == pytest.approx(0.146014646)
    first = make_corpus(data, part="dev", dev_share=0.3, limit=2)(nlp)
    assert [eg.reference.text for eg in first] == parts["dev"][:2]
    smaller = make_corpus(data, part="dev", dev_share=0.1)(nlp)
    assert {eg.reference.text for eg in smaller} < set(parts["dev"])


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"part": "test"}, "part"),
        ({"dev_share": 0.0}, "dev_share` of the corpus is 0"),
        ({"dev_share": 1.5}, "at most 1"),
        ({"dev_share": True}, "a number"),
    ],
)
def test_parts_that_are_none(settings, words, data):
    with pytest.raises(ValueError, match=words):
        make_corpus(data, **settings)


def test_an_empty_part_says_what_to_do(tmp_path):
    path = write_csv(tmp_path / "one.csv", [("Ada met Bo.", [[0, 3, "PER"]])])
    with pytest.raises(ValueError, match=r"none of its 1 texts is in the part 'train'.*--dev"):
        list(make_corpus(path, part="train")(spacy.blank("en")))


@pytest.mark.parametrize("n, dev", [(2, 1), (3, 1), (10, 5), (20, 5), (50, 10), (4560, 500)])
def test_how_many_are_held_out(n, dev):
    places = [place_of(str(i)) for i in range(n)]
    share = choose_dev_share([*places, *places], places)
    assert sum(place < share for place in places) == dev
    assert len(str(share)) < 12


def test_texts_with_entities_are_on_both_sides():
    places = [i / 100 for i in range(100)]
    assert 0.4 < choose_dev_share(places, [0.4, 0.9]) <= 0.41
    assert 0.02 < choose_dev_share(places, [0.02, 0.05]) <= 0.05
    many = [i / 2_000 for i in range(2_000)]
    for rare in ([0.35, 0.45, 0.75], [0.001, 0.002], [0.499, 0.999]):
        assert rare[0] < choose_dev_share(many, rare) <= rare[-1]
    for spans in ([], [0.1], [0.7, 0.8]):
        with pytest.raises(ValueError, match=f"100 different texts, {len(spans)} with.*--dev"):
            choose_dev_share(places, spans)


def test_too_few_texts(tmp_path):
    rows = [("Ada met Bo.", [[0, 3, "PER"]])] * 4
    with pytest.raises(ValueError, match=r"few\.csv: 1 different texts, 1 with.*--dev"):
        made(write_csv(tmp_path / "few.csv", rows))
    rows = [(f"{name} ran.", [[0, len(name), "PER"]]) for name in NAMES[:4]]
    config, said = made(write_csv(tmp_path / "few.csv", rows))
    assert len(texts_of(config, "train")) == len(texts_of(config, "dev")) == 2
    assert "Training on 2 texts" in said[1] and "2 held-out" in said[1]
    assert "200 steps" in said[1]


def test_a_label_that_only_texts_held_out_have_is_told(tmp_path):
    rows = [(f"{name} ran.", [[0, len(name), "PER"]]) for name in NAMES]
    first = min(range(10), key=lambda i: place_of(rows[i][0]))
    rows[first] = (rows[first][0], [[0, len(NAMES[first]), "RARE"]])
    _, said = made(write_csv(tmp_path / "few.csv", rows))
    assert "RARE" in said[-1] and "--dev" in said[-1]


# Words of 50 and all 560 recipes of TASTEset, and of all sentences of BC5CDR.
@pytest.mark.parametrize(
    "words, steps, every, warmup, rate",
    [
        (0, 200, 20, 25, 1.5e-4),
        (1_760, 200, 20, 25, 1.5e-4),
        (19_700, 400, 40, 50, 3e-4),
        (118_000, 970, 97, 50, 3e-4),
        (10**7, 2_000, 200, 50, 3e-4),
    ],
)
def test_numbers_of_the_recipe(words, steps, every, warmup, rate):
    for recipe in (WHOLE, POINTING, ADAPTER):
        assert choose_steps(recipe, words) == steps
        assert [*schedule(recipe, steps).values()] == [steps, warmup, every]
    assert choose_rate(POINTING, words) == rate
    assert choose_rate(WHOLE, words) == WHOLE.rate > choose_rate(ADAPTER, words) == ADAPTER.rate
    assert schedule(WHOLE, 5)["training.eval_frequency"] == 5


def test_overrides_win_and_the_rest_follows(data):
    total = "training.optimizer.learn_rate.total_steps"
    overrides = {total: 60, "training.dropout": 0.4, "corpora.train.dev_share": 0.5}
    config, said = made(data, overrides)
    training = config.interpolate()["training"]
    assert training["max_steps"] == 60 and training["eval_frequency"] == 10
    assert training["optimizer"]["learn_rate"]["warmup_steps"] == 7 and training["dropout"] == 0.4
    assert config.interpolate()["corpora"]["dev"]["dev_share"] == 0.5
    assert "60 steps, evaluated every 10 steps" in said[1]
    with pytest.raises(ValueError, match="total_steps is 'many'"):
        made(data, {total: "many"})


@pytest.mark.parametrize(
    "given, told",
    [
        ({}, "200 steps, evaluated every 20 steps"),
        ({"max_steps": 5}, "5 steps of 200 planned, evaluated at the end"),
        ({"max_steps": 1}, "1 step of 200 planned, evaluated at the end"),
        ({"max_steps": 50}, "50 steps of 200 planned, evaluated every 20 steps"),
        ({"max_steps": 300}, "300 steps, evaluated every 20 steps. The learning rate is 0 from"),
        ({"max_epochs": 1}, "200 steps or 1 epoch, whichever comes first, evaluated every 20"),
        ({"max_epochs": 2, "max_steps": 0}, "2 epochs, evaluated every 20 steps. The learning"),
        ({"max_steps": 0}, "no limit (stop it with Ctrl-C), evaluated every 20 steps. The"),
        ({"max_steps": 0, "max_epochs": -1}, "no limit (stop it with Ctrl-C), evaluated every"),
        ({"patience": 30}, "200 steps or 30 steps without a better score, whichever comes"),
        ({"eval_frequency": 300}, "200 steps, evaluated at the end"),
    ],
)
def test_what_ends_the_run_is_told(given, told, tmp_path):
    path = write_csv(tmp_path / "few.csv", [(f"{n} ran.", [[0, len(n), "PER"]]) for n in NAMES])
    _, said = made(path, {f"training.{name}": value for name, value in given.items()})
    assert f"held-out texts; {told}" in said[1]


def test_a_length_that_is_none(tmp_path):
    path = write_csv(tmp_path / "few.csv", [(f"{n} ran.", [[0, len(n), "PER"]]) for n in NAMES])
    for name, value in (("max_steps", "many"), ("max_epochs", -2), ("eval_frequency", 0)):
        with pytest.raises(ValueError, match=f"training.{name} is {value!r}"):
            made(path, {f"training.{name}": value})


def test_both_parts_are_read_in_the_same_way(data, tmp_path):
    path = tmp_path / "rows.data"
    path.write_text(data.read_text())
    code, told = train(path, "-o", tmp_path / "out")
    assert code == 1 and "--corpora.train.format" in told
    config, _ = made(path, {"corpora.train.format": "table"})
    assert len(texts_of(config, "train")) + len(texts_of(config, "dev")) == 120


@pytest.mark.parametrize(
    "limits", [{"train": 50}, {"dev": 3}, {"train": 20, "dev": 2}, {"train": 500}]
)
@pytest.mark.parametrize("own_dev", [False, True])
def test_a_limit_is_of_one_part(limits, own_dev, data):
    overrides = {f"corpora.{part}.limit": number for part, number in limits.items()}
    config, said = made(data, overrides, dev=data if own_dev else None)
    read = {part: examples_of(config, part) for part in ("train", "dev")}
    whole, _ = made(data, dev=data if own_dev else None)
    for part, docs in read.items():
        every = [doc.text for doc in examples_of(whole, part)]
        assert [doc.text for doc in docs] == every[: limits.get(part)]
    words = sum(map(len, read["train"]))
    scored = f"{len(read['dev'])} {f'texts in {data}' if own_dev else 'held-out texts'}"
    learned = f"{len(read['train'])} texts ({words:,} words)"
    assert f"Training on {learned}, evaluating on {scored};" in said[1]


@pytest.mark.parametrize(
    "name, value, mend",
    [
        ("corpora.train.part", "dev", "dev_share"),
        ("corpora.dev.part", "train", "--dev"),
        ("corpora.dev.dev_share", 0.5, "--corpora.train.dev_share"),
        ("corpora.train.path", "other.csv", "first argument"),
        ("corpora.dev.path", "other.csv", "--dev"),
    ],
)
def test_what_is_held_out_is_not_set_in_parts(name, value, mend, data, tmp_path):
    for more in ([], ["--dev", data]):
        code, told = train(data, "-o", tmp_path / "out", f"--{name}", value, *more)
        assert code == 1 and f"--{name} only works with a config" in told and mend in told


def test_texts_to_score_on_may_be_given(data, tmp_path):
    dev = write_csv(tmp_path / "dev.csv", [("Ada met Bo.", [[0, 3, "PER"]])])
    config, said = made(data, dev=dev, lang="de")
    assert len(texts_of(config, "train")) == 120 and texts_of(config, "dev") == ["Ada met Bo."]
    assert "120 texts" in said[1] and str(dev) in said[1]
    assert config["nlp"]["lang"] == "de"
    with pytest.raises(ValueError, match="--lang is 'klingon'"):
        made(data, dev=dev, lang="klingon")


LARGE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 50_000,
    "hidden_size": 2_048,
    "intermediate_size": 8_192,
    "num_hidden_layers": 20,
}


def test_a_large_model_gets_an_adapter(data, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    config, said = made(data, base=str(tmp_path))
    assert "1,5" in said[0] and "LoRA" in said[0]
    model = config.interpolate()["components"]["padellm_ner"]["model"]
    assert model["name"] == str(tmp_path) and model["peft"]["method"] == "lora"
    for points in (True, False):
        assert choose_recipe(50_000_000, points) is ADAPTER
    assert choose_recipe(49_999_999, False) is WHOLE
    assert choose_recipe(49_999_999, True) is POINTING
    with pytest.raises(ValueError, match=r"`base` is './nowhere'"):
        made(data, base="./nowhere")
    (tmp_path / "config.json").write_text(json.dumps({**LARGE, "architectures": ["BertModel"]}))
    with pytest.raises(ValueError, match="not a causal LM"):
        made(data, base=str(tmp_path))


def without(config, *names):
    for name in names:
        *sections, last = name.split(".")
        block = config
        for section in sections:
            block = block[section]
        block.pop(last)
    return {section: dict(block) for section, block in config.items()}


@pytest.mark.parametrize("name", ["padellm_finetune", "padellm_lora"])
def test_the_shipped_configs_are_the_recipes(name, data, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    ours, _ = made(data, base=None if name == "padellm_finetune" else str(tmp_path))
    rate = "training.optimizer.learn_rate"
    steps = [f"{rate}.total_steps", f"{rate}.warmup_steps", "training.eval_frequency"]
    mixed = "components.padellm_ner.model.mixed_precision"  # as the processor is
    by_words = [*steps, f"{rate}.initial_rate"]
    apart = ["paths", "corpora", "training.patience", mixed, *by_words]
    shipped = load_config(CONFIGS / f"{name}.cfg", interpolate=False)
    assert without(ours, *apart) == without(shipped, *apart)


@pytest.mark.parametrize("fast", [True, False])
def test_precision_fits_the_processor(fast, data, lm_folder, monkeypatch):
    monkeypatch.setattr(mixed_precision, "is_cpu_fast_in_bfloat16", lambda: fast)
    name = "components.padellm_ner.model.mixed_precision"
    device = {"components.padellm_ner.model.device": "cpu"}
    for given, wanted in (({}, fast), ({name: not fast}, not fast)):
        config, _ = made(data, {**device, **given}, base=str(lm_folder))
        assert config["components"]["padellm_ner"]["model"]["mixed_precision"] is wanted


def test_options_that_do_not_go_together(data, tmp_path):
    config = CONFIGS / "padellm_finetune.cfg"
    options = {"--dev": data, "--base": "english", "--lang": "en"}
    mends = {"--dev": "--paths.dev", "--base": "--paths.base", "--lang": "--nlp.lang"}
    for option, value in options.items():
        code, told = train(config, "-o", tmp_path / "out", option, value)
        assert code == 1 and f"{option} only works with" in told and mends[option] in told
        code, told = train(data, "-o", tmp_path / "out", mends[option], value)
        assert code == 1 and f"use {option} instead" in told
    code, told = train(data, "-o", tmp_path / "out", "--paths.train", data)
    assert code == 1 and "--paths.train only works with a config" in told
    assert not (tmp_path / "out").exists()


def test_a_config_of_others_is_not_written_over(data, lm_folder, tmp_path):
    (tmp_path / "config.cfg").write_text("[mine]")
    code, told = train(data, "-o", tmp_path, "--base", lm_folder)
    assert code == 1 and "give another --output" in told
    assert (tmp_path / "config.cfg").read_text() == "[mine]"


def test_what_is_lost_in_reading_is_told_once(tmp_path, caplog):
    rows = [(f"{name} ran.", [[0, len(name), "PER"]]) for name in NAMES]
    path = write_csv(tmp_path / "gold.csv", [*rows, ("Zoe ran.", [[0, 99, "PER"]])])
    config, _ = made(path)
    assert len(texts_of(config, "train")) + len(texts_of(config, "dev")) == 11
    assert caplog.text.count("in reading") == 1


def overlapping(n_nested, n=40):
    """Rows of organisations, in some of which a place is nested."""
    rows = []
    for i in range(n):
        text, start = f"Ada{i:02} saw Bank of Rome.", 10
        spans = [[0, 5, "PER"], [start, start + 12, "ORG"]]
        nested = [[start + 8, start + 12, "LOC"]] if i < n_nested else []
        rows.append((text, [*spans, *nested]))
    return rows


def examples_of(config, part):
    block = config.interpolate()["corpora"][part]
    return [eg.reference for eg in registry.resolve({"it": block})["it"](spacy.blank("en"))]


@pytest.mark.parametrize("nested", [1, 20, 40])
@pytest.mark.parametrize("asked", [None, "ents", "spans"])
@pytest.mark.parametrize("form", ["csv", "spacy"])
def test_texts_with_overlapping_spans_stay_whole(nested, asked, form, tmp_path):
    path = write_csv(tmp_path / "nested.csv", overlapping(nested))
    if form == "spacy":
        docs = [eg.reference for eg in make_corpus(path)(spacy.blank("en"))]
        path = tmp_path / "nested.spacy"
        DocBin(docs=docs).to_disk(path)
    overrides = {"components.padellm_ner.annotate": asked} if asked else {}
    config, said = made(path, overrides)
    place = asked or "spans"
    assert config["components"]["padellm_ner"]["annotate"] == place
    assert f"{nested} of 40 texts ha" in said[1] and "overlapping" in said[1]
    weights = load_model_from_config(config).config["training"]["score_weights"]
    given = {name: weight for name, weight in weights.items() if weight}
    assert given == {"spans_sc_f" if place == "spans" else "ents_f": 1.0}

    n_dev = len(examples_of(config, "dev"))
    assert f"Training on {40 - n_dev} texts" in said[2] and f"{n_dev} held-out" in said[2]
    read = [*examples_of(config, "train"), *examples_of(config, "dev")]
    source = GoldSource(place, "sc")
    found = [source.read(doc) for doc in read]
    assert len(found) == 40 and None not in found
    spans = [span for gold in found for span in gold.spans]
    assert len(spans) == (80 + nested if place == "spans" else 80)
    if place == "ents":
        assert f"{nested} span" in said[1] and "left out" in said[1]


def test_a_span_group_has_one_name_in_component_reader_and_scores(tmp_path):
    path = write_csv(tmp_path / "nested.csv", overlapping(3))
    for name in ("components.padellm_ner", "corpora.train"):
        config, said = made(path, {f"{name}.spans_key": "mine"})
        config = config.interpolate()
        assert "doc.spans['mine']" in said[1]
        assert config["training"]["score_weights"]["spans_mine_f"] == 1.0
        blocks = [config["components"]["padellm_ner"], *config["corpora"].values()]
        assert {block["spans_key"] for block in blocks} == {"mine"}
        assert all("mine" in doc.spans for doc in examples_of(config, "dev"))


def test_overlaps_in_texts_to_score_on_count_too(data, tmp_path):
    dev = write_csv(tmp_path / "nested.csv", overlapping(2, n=4))
    config, said = made(data, dev=dev)
    assert config["components"]["padellm_ner"]["annotate"] == "spans"
    assert "2 of 124 texts have overlapping spans" in said[1]
    assert all("sc" in doc.spans for part in ("train", "dev") for doc in examples_of(config, part))


def test_texts_that_nobody_annotated_are_refused(tmp_path):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp(f"{name} ran.") for name in NAMES]).to_disk(tmp_path / "none.spacy")
    for given in ({}, {"dev": tmp_path / "none.spacy"}):
        with pytest.raises(ValueError, match=r"none\.spacy: none of its 10 texts is annotated"):
            made(tmp_path / "none.spacy", **given)


def test_a_pipeline_of_overlapping_spans(lm_folder, tmp_path):
    path = write_csv(tmp_path / "nested.csv", overlapping(20))
    options = ["--training.max_steps", 1, "--training.batcher.size", "20"]
    code, told = train(path, "-o", tmp_path / "out", "--base", lm_folder, *options)
    assert code == 0 and "left out" not in told, told
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert set(nlp.get_pipe("padellm_ner").labels) == {"PER", "ORG", "LOC"}
    assert "sc" in nlp("Ada saw Bank of Rome.").spans
    assert (
        "spans_sc_f" in json.loads((tmp_path / "out" / "report.json").read_text())["evaluations"][0]
    )
