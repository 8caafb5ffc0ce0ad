import pytest

from spacy_padellm.prompts.template import (
    COMPACT,
    PAPER_CHINESE,
    PAPER_ENGLISH,
    PAPER_ENGLISH_SINGLE_GPU,
    get_template,
)


def test_paper_english_strings_are_those_of_the_released_code():
    assert PAPER_ENGLISH.label_prompt("U.N. in Rome", "LOC") == (
        "text:\nU.N. in Rome\nentity type:\nLOC\n\n<num>"
    )
    assert PAPER_ENGLISH.mention_prompt("U.N. in Rome", "LOC", 1, 1) == (
        "text:\nU.N. in Rome\nentity type:\nLOC\n\n<num>1\n<mention 1>"
    )
    assert PAPER_ENGLISH_SINGLE_GPU.mention_prompt("t", "LOC", 12, 3) == (
        "text:\nt\nentity type:\nLOC\n\n<num>12\n<第3文段>"
    )


def test_paper_chinese_strings_are_those_of_the_released_code():
    assert PAPER_CHINESE.mention_prompt("在北京", "地名", 2, 2) == (
        "文本:\n在北京\n指定NER标签:\n地名\n\n<数量>2\n<第2文段>"
    )


def test_values_with_braces_stay_as_they_are():
    assert "{i}" in PAPER_ENGLISH.mention_prompt("a {i} {n} {label}", "{i}", 1, 1)
    assert COMPACT.token_of_label("{label}") == "<|label:{label}|>"


def test_description_follows_the_label():
    assert get_template("plain").label("PER", "people") == "PER (people)"
    assert get_template("plain").label("PER") == "PER"


def test_special_tokens_hold_labels_counts_and_markers():
    tokens = COMPACT.special_tokens(("PER",), max_count=2)
    assert {"<|label:PER|>", "<|0|>", "<|2|>", "<|mention 1|>", "<|end|>"} <= set(tokens)
    assert "<|mention 0|>" not in tokens
    assert PAPER_ENGLISH.special_tokens(("PER",)) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"before_mention": "next:"}, "before_mention"),
        ({"markers": "xml"}, "markers"),
        ({"version": 2}, "version 2"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_field_is_named(changes, word):
    with pytest.raises(ValueError, match=word):
        get_template("plain", **changes)


def test_an_unknown_preset_is_told_the_known_ones():
    with pytest.raises(ValueError, match="compact"):
        get_template("papper")
