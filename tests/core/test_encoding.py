import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import PRESETS, get_template

PAPER = [name for name in PRESETS if name.startswith("paper")]
TEXTS = ["Ada met Bob.", "", " ", "in 北京 2024", "a\nb\n", "<num>12\n<mention 1>x", "é ̈ 😀"]
MARKERS = ["<|text|>", "<|num|>", "<|3|>", "<|end|>", "<|label:PER|>", "<|endoftext|>", "<s></s>"]


@pytest.mark.parametrize("tokenizer_name", ["byte_tokenizer", "sentencepiece_tokenizer"])
@pytest.mark.parametrize("preset", PAPER)
@pytest.mark.parametrize("text", TEXTS)
def test_joint_prompts_have_the_ids_of_the_whole_string(tokenizer_name, preset, text, request):
    tokenizer = request.getfixturevalue(tokenizer_name)
    encoder = PromptEncoder(tokenizer, get_template(preset))
    prompt = encoder.prompt(text, ["PER", "LOC"])
    for label, branch in zip(prompt.labels, prompt.branches, strict=True):
        whole = encoder.template.label_prompt(text, label)
        assert [*prompt.trunk, *branch] == tokenizer(whole)["input_ids"]
        whole = encoder.template.mention_prompt(text, label, 12, 3)
        assert encoder.mention_path(prompt, label, 12, 3) == tokenizer(whole)["input_ids"]


@pytest.mark.parametrize("preset", PRESETS)
def test_offsets_give_the_words_of_the_text(preset, compact_tokenizer, byte_tokenizer):
    tokenizer = compact_tokenizer if preset == "compact" else byte_tokenizer
    text = "Ada Lovelace met  Charles\tBabbage in London."
    encoded = PromptEncoder(tokenizer, get_template(preset)).prompt(text, ["PER"]).encoded
    pieces = [text[start:end] for start, end in encoded.offsets]
    assert "".join(pieces) == "".join(text.split())
    assert len(encoded.ids) == len(encoded.offsets)


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from([*MARKERS, "<tool_call>", "a", " ", "\n", "北", "😀"]), max_size=8
    )
)
@pytest.mark.parametrize("preset", ["compact", "plain", "paper_english"])
def test_a_text_never_becomes_structure(preset, pieces, compact_tokenizer, byte_tokenizer):
    text = "".join(pieces)
    tokenizer = compact_tokenizer if preset == "compact" else byte_tokenizer
    encoded = PromptEncoder(tokenizer, get_template(preset)).prompt(text, ["PER"]).encoded
    added = set(tokenizer.added_tokens_decoder)
    assert not added & set(encoded.ids)
    covered = {i for start, end in encoded.offsets for i in range(start, end)}
    assert covered == {i for i, char in enumerate(text) if not char.isspace()}


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["Ada", "New", "北京", "é", "😀", "<|end|>", ".", "1"]), max_size=8
    ),
    spaces=st.lists(st.sampled_from([" ", "\n", "\r\n", "\t", "  ", "\u00a0\n\n"]), min_size=9),
    before=st.sampled_from(["", " ", "\n\t"]),
)
def test_white_space_reads_as_blanks(words, spaces, before, compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact", blanks=True))
    text = before + "".join(word + space for word, space in zip(words, spaces, strict=False))
    plain = (" " if before else "") + "".join(f"{word} " for word in words)
    encoded, expected = encoder.encode_text(text), encoder.encode_text(plain)
    assert encoded.text == text and encoded.ids == expected.ids

    def strings(one):
        return [one.text[start:end].split() for start, end in one.offsets]

    assert strings(encoded) == strings(expected)
    bare = PromptEncoder(compact_tokenizer, get_template("compact"))
    assert encoder.encode_text(plain) == bare.encode_text(plain)


@settings(max_examples=40, deadline=None)
@given(
    text=st.lists(
        st.sampled_from([*MARKERS, "Ada", " ", "\n", "  ", "北", "😀", "\ud83d"]), max_size=10
    ).map("".join)
)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_text_may_be_encoded_before_its_prompts(preset, text, compact_tokenizer, byte_tokenizer):
    tokenizer = compact_tokenizer if preset == "compact" else byte_tokenizer
    encoder = PromptEncoder(tokenizer, get_template(preset))
    labels = ["PER", "a b"]
    assert encoder.prompt(encoder.encode_text(text), labels) == encoder.prompt(text, labels)


def test_joint_templates_read_texts_as_they_are():
    with pytest.raises(ValueError, match="joint reads"):
        get_template("paper_english", blanks=True)


@pytest.mark.parametrize("preset", ["compact", "plain"])
def test_a_repeated_text_is_asked_in_its_second_reading(preset, compact_tokenizer, byte_tokenizer):
    tokenizer = compact_tokenizer if preset == "compact" else byte_tokenizer
    template = get_template(preset, repeat_text=True)
    encoder = PromptEncoder(tokenizer, template)
    once = PromptEncoder(tokenizer, get_template(preset)).prompt("Ada", ["PER"])
    twice = encoder.prompt("Ada", ["PER"])
    again = (*encoder.structure_ids(template.before_text), *once.encoded.ids)
    assert twice.trunk == once.trunk + again
    assert twice.trunk[twice.text_start :] == once.encoded.ids
    assert twice.branches == once.branches
    assert template.text_prefix("Ada").count("Ada") == 2


@pytest.mark.parametrize("changes", [{"bidirectional": True}, {"joint": True}])
def test_only_what_reads_causally_repeats_texts(changes):
    with pytest.raises(ValueError, match="repeat_text is for models that read causally"):
        get_template("plain", repeat_text=True, **changes)


def test_half_a_surrogate_pair_keeps_its_place(compact_tokenizer):
    encoded = PromptEncoder(compact_tokenizer, get_template("compact")).encode_text("\ud83d Ada")
    assert encoded.offsets[0][0] == 0 and encoded.offsets[-1][1] == 5


def test_a_known_label_is_one_token_and_any_other_is_spelled(compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"), {"LOC": "places"})
    prompt = encoder.prompt("Ada", ["PER", "LOC", "WORK"])
    own, described, spelled = prompt.branches
    assert len(own) == 1 and len(spelled) > 2 and len(described) > len(own)


@pytest.mark.parametrize("n", [0, 1, 9, 10, 64])
@pytest.mark.parametrize("preset", PRESETS)
def test_counts_are_read_as_they_are_written(preset, n, request):
    name = "compact_tokenizer" if preset == "compact" else "sentencepiece_tokenizer"
    encoder = PromptEncoder(request.getfixturevalue(name), get_template(preset))
    prompt = encoder.prompt("Ada met Bob.", ["PER"])
    _, targets = encoder.count_targets(prompt, "PER", n)
    digits = [token for token in targets if token not in encoder.count_end_ids]
    assert set(digits) <= encoder.digit_ids
    assert encoder.read_count(digits) == n


def test_what_is_no_count_reads_as_zero(byte_tokenizer, compact_tokenizer):
    assert PromptEncoder(byte_tokenizer, get_template("plain")).read_count([]) == 0
    assert PromptEncoder(compact_tokenizer, get_template("compact")).read_count([0]) == 0


def test_missing_tokens_and_labels_are_named(byte_tokenizer):
    with pytest.raises(ValueError, match="special tokens"):
        PromptEncoder(byte_tokenizer, get_template("compact"))
    with pytest.raises(ValueError, match="labels"):
        PromptEncoder(byte_tokenizer, get_template("plain")).prompt("a", [])
    with pytest.raises(ValueError, match="fast"):
        PromptEncoder(object(), get_template("plain"))
