"""`padellm train` of a file of texts: which texts are held out, and which are given."""

import pytest
import spacy

from spacy_padellm.learning.held_out import place_of
from spacy_padellm.pipeline.corpora import make_corpus
from spacy_padellm.training.from_config.recipe import choose_dev_share

from .own_data import NAMES, examples_of, made, texts_of, train, write_csv


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
    with pytest.raises(ValueError, match=r"none of its 1 text is in the part 'train'.*--dev"):
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
    with pytest.raises(
        ValueError, match=r"few\.csv: 1 different text, 1 with entities, is too few.*--dev"
    ):
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


def test_both_parts_are_read_in_the_same_way(data, tmp_path):
    path = tmp_path / "rows.data"
    path.write_text(data.read_text())
    code, told = train(path, "-o", tmp_path / "out")
    assert code == 1 and "--corpora.train.format" in told
    config, _ = made(path, {"corpora.train.format": "table"})
    assert len(texts_of(config, "train")) + len(texts_of(config, "dev")) == 120
