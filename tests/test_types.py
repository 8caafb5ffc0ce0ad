import pytest

from spacy_padellm.prompts.plain_text import EncodedText


@pytest.mark.parametrize(
    ("offsets", "starts", "ends"),
    [
        (((0, 1), (1, 2)), [True, True], [True, True]),
        # Three bytes of one character.
        (((0, 1), (0, 1), (0, 1), (1, 2)), [True, False, False, True], [False, False, True, True]),
        # The middle token holds bytes of both characters.
        (((0, 1), (0, 2), (1, 2)), [True, False, False], [False, False, True]),
        # A token of white space alone.
        (((0, 1), (2, 2), (2, 3)), [True, False, True], [True, False, True]),
        ((), [], []),
    ],
)
def test_mentions_never_part_the_bytes_of_a_character(offsets, starts, ends):
    text = "ab c"[: max((end for _, end in offsets), default=0)]
    encoded = EncodedText(text, tuple(range(len(offsets))), offsets)
    assert encoded.boundaries() == (starts, ends)
