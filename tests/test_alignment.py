import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_padellm.spans.alignment import align_mentions
from spacy_padellm.spans.prediction import Mention
from spacy_padellm.spans.text_index import TextIndex


def lost(text, label="PER", index=1):
    return Mention(label, index, text, None, None, 0.5)


def copied(text, start, label="PER", index=1):
    return Mention(label, index, text, start, start + len(text), 0.5)


def slices(text, mention):
    return [text[start:end] for start, end in TextIndex(text).occurrences(mention)]


def places(mentions):
    return [(mention.start, mention.end) for mention in mentions]


def normal(text):
    """What equality of mentions means, said in another way than in the code under test."""
    folded = unicodedata.normalize("NFD", text).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


@pytest.mark.parametrize(
    "text, mention, expected",
    [
        ("EU and eu and EU", "EU", ["EU", "EU", "eu"]),
        ("Ada  Lovelace\nand Ada Lovelace", "Ada Lovelace", ["Ada Lovelace", "Ada  Lovelace"]),
        ("in New\r\n York", " New\tYork ", ["New\r\n York"]),
        ("in New\u00a0York", "New York", ["New\u00a0York"]),
        # Case folding that changes the length, before and inside the mention.
        ("İİİ İzmir nice", "nice", ["nice"]),
        ("İİİ İzmir nice", "İZMIR", ["İzmir"]),
        ("İzmir nice", "i̇zmir", ["İzmir"]),
        ("die Hauptstraße hier", "HAUPTSTRASSE", ["Hauptstraße"]),
        ("die HAUPTSTRASSE hier", "Hauptstraße", ["HAUPTSTRASSE"]),
        ("die Maß", "s", []),
        ("ΟΔΟΣ οδός", "οδος", ["ΟΔΟΣ"]),
        # Canonical equivalence, and no match that leaves a mark behind.
        ("le cafe\u0301 noir", "café", ["cafe\u0301"]),
        ("le café noir", "cafe\u0301", ["café"]),
        ("le cafe\u0301", "cafe", []),
        ("a e\u0301 b", "e", []),
        ("Việt Nam", unicodedata.normalize("NFD", "việt nam"), ["Việt Nam"]),
        # Emoji sequences and flags are one character to a reader.
        ("the 👩‍💻 codes", "👩", []),
        ("the 👩‍💻 codes", "👩‍💻", ["👩‍💻"]),
        ("🇫🇷🇺🇸", "🇷🇺", []),
        ("🇫🇷🇺🇸", "🇺🇸", ["🇺🇸"]),
        ("👍🏽 Ada👍", "ada", ["Ada"]),
        # Never inside a word.
        ("USA today, U.S. us", "US", ["us"]),
        ("Parisian Paris", "Paris", ["Paris"]),
        ("snake_case case", "case", ["case"]),
        ("A1 B12", "B1", []),
        ("Germany's, (Germany)", "Germany", ["Germany", "Germany"]),
        ("naïve", "na", []),
        ("می\u200cخواهم", "خواهم", []),
        ("the क्षत्रिय", "त्रिय", []),
        # Unless the mention's own edge is no word character.
        ("C++20 or C++", "C++", ["C++", "C++"]),
        ("a-based b-based", "-based", ["-based", "-based"]),
        # Scripts without spaces, and Korean particles.
        ("我在北京大学读书", "北京大学", ["北京大学"]),
        ("我用Apple手机", "Apple", ["Apple"]),
        ("東京タワーへ", "タワー", ["タワー"]),
        ("ฉันไปกรุงเทพมา", "กรุงเทพ", ["กรุงเทพ"]),
        ("서울에서 만나", "서울", ["서울"]),
        ("ذهبت إلى باريس", "باريس", ["باريس"]),
        # Nothing to look for, nothing to look in.
        ("some text", "", []),
        ("some  text", " ", []),
        ("", "x", []),
        ("short", "longer than the text", []),
        ("a \x00b\x07 c", "b\x07", ["b\x07"]),
    ],
)
def test_occurrences(text, mention, expected):
    assert slices(text, mention) == expected


def test_occurrences_do_not_overlap():
    assert TextIndex("ha ha ha ha ha").occurrences("ha ha") == [(0, 5), (6, 11)]
    assert TextIndex("哈哈哈哈哈").occurrences("哈哈") == [(0, 2), (2, 4)]


def test_equal_mentions_take_successive_occurrences():
    text = "Ada met Ada; later ada left."
    aligned, unaligned = align_mentions(text, [lost("Ada", index=i) for i in range(1, 5)])
    assert places(aligned) == [(0, 3), (8, 11), (19, 22)]
    assert [mention.text for mention in aligned] == ["Ada", "Ada", "ada"]
    assert unaligned == [lost("Ada", index=4)]


def test_labels_do_not_take_occurrences_from_each_other():
    aligned, unaligned = align_mentions("Cairns", [lost("Cairns"), lost("Cairns", "ORG")])
    assert places(aligned) == [(0, 6), (0, 6)]
    assert unaligned == []


def test_spellings_of_one_mention_do_not_share_a_place():
    aligned, unaligned = align_mentions("EU or eu", [lost("eu"), lost("EU", index=2)])
    assert places(aligned) == [(6, 8), (0, 2)]
    aligned, unaligned = align_mentions("an EU", [lost("EU"), lost("eu", index=2)])
    assert places(aligned) == [(3, 5)]
    assert unaligned == [lost("eu", index=2)]


def test_what_is_not_in_the_text_comes_back_unchanged():
    mentions = [lost("Bob"), lost("Ada", index=2), lost("  ", index=3)]
    aligned, unaligned = align_mentions("Ada", mentions)
    assert [mention.index for mention in aligned] == [2]
    assert unaligned == [mentions[0], mentions[2]]


def test_a_given_place_is_kept():
    mentions = [lost("Ada"), copied("Ada", 0, index=2)]
    aligned, unaligned = align_mentions("Ada and Ada", mentions)
    assert places(aligned) == [(8, 11), (0, 3)]
    assert unaligned == []


def test_copies_of_one_place_spread_over_the_text():
    text = "Paris, Paris and paris. Paris!"
    spread, surplus = align_mentions(text, [copied("Paris", 0, index=i) for i in range(1, 5)])
    assert places(spread) == [(0, 5), (7, 12), (24, 29)]
    assert surplus == [copied("Paris", 0, index=4)]


def test_distinct_places_stay_and_only_copies_move():
    text = "Paris, Paris and Paris"
    mentions = [copied("Paris", 7), copied("Paris", 7, index=2), copied("Paris", 0, index=3)]
    spread, surplus = align_mentions(text, mentions)
    assert places(spread) == [(7, 12), (17, 22), (0, 5)]
    spread, surplus = align_mentions(text, [copied("Paris", 7), copied("Paris", 7, index=2)])
    assert places(spread) == [(7, 12), (17, 22)]
    spread, surplus = align_mentions(text, [copied("Paris", 17), copied("Paris", 17, index=2)])
    assert places(spread) == [(17, 22), (0, 5)]
    assert surplus == []


def test_a_copy_inside_a_word_gives_way_to_a_whole_word():
    assert places(align_mentions("USA and US", [copied("US", 0)])[0]) == [(8, 10)]
    assert places(align_mentions("unfair", [copied("un", 0)])[0]) == [(0, 2)]
    twice = [copied("un", 0), copied("un", 0, index=2)]
    assert align_mentions("unfair", twice) == ([twice[0]], [twice[1]])


def test_blank_places_are_surplus():
    blank, empty = copied(" ", 3), copied("", 2, index=2)
    spread, surplus = align_mentions("Ada met", [blank, empty])
    assert spread == []
    assert surplus == [blank, empty]


@pytest.mark.parametrize("place", [lost, lambda text, **more: copied(text, 14, **more)])
def test_flat_mentions_avoid_the_inside_of_longer_ones(place):
    text = "University of Texas, Austin, Texas"
    school = copied("University of Texas", 0, "ORG")
    state = place("Texas", label="LOC")
    assert places(align_mentions(text, [school, state], flat=False)[0]) == [(0, 19), (14, 19)]
    assert places(align_mentions(text, [state, school], flat=True)[0]) == [(29, 34), (0, 19)]
    assert places(align_mentions(text[:19], [state, school], flat=True)[0]) == [(14, 19), (0, 19)]


@pytest.mark.parametrize("start, end", [(0, 9), (-1, 2), (3, 2)])
def test_a_place_outside_the_text_is_refused(start, end):
    with pytest.raises(ValueError, match="outside its text of 4 characters"):
        align_mentions("text", [Mention("A", 1, "x", start, end, 0.5)])


# Little alphabets, so that repeats, near misses and odd sequences are common.
CHARACTERS = st.sampled_from(
    [*"aAbß İıs1_- \n\t\u00a0\u3000éE北가ก.", "\u0301", "👍", "🇫", "\u200d"]
)
TEXT = st.text(CHARACTERS, max_size=30) | st.text(max_size=30)
WORDS = st.lists(
    st.sampled_from(["Ada", "ada", "İz", "Straße", "e\u0301", "é", "👩‍💻", "北京", "C++", "U.S."]),
    min_size=1,
    max_size=8,
)
BLANKS = st.sampled_from([" ", "  ", "\n", "\u00a0"])


@given(TEXT, st.text(CHARACTERS, max_size=4))
@example("\u0345a", "\u0345")
def test_found_places_lie_in_the_text_and_equal_the_mention(text, mention):
    found = TextIndex(text).occurrences(mention)
    for start, end in found:
        assert 0 <= start < end <= len(text)
        assert normal(text[start:end]) == normal(mention)
    ordered = sorted(found)
    assert all(a[1] <= b[0] for a, b in pairwise(ordered))


@given(st.data(), WORDS)
def test_a_slice_of_whole_words_is_found_at_its_own_place(data, words):
    text, bounds = "", []
    for word in words:
        bounds.append((len(text), len(text) + len(word)))
        text += word + data.draw(BLANKS)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    own = (bounds[first][0], bounds[last][1])
    found = TextIndex(text).occurrences(text[slice(*own)])
    # "a b a" in "a b a b a": the occurrence on the left was there first.
    assert own in found or any(start < own[0] < end for start, end in found)


@given(TEXT, TEXT, TEXT)
def test_anything_between_blanks_is_found_at_its_own_place(before, inner, after):
    mention = f"a{inner}b"
    text = f"{before} {mention} {after}"
    own = len(before) + 1
    found = TextIndex(text).occurrences(mention)
    assert (own, own + len(mention)) in found or any(start < own < end for start, end in found)


@given(st.integers(1, 6), st.integers(1, 8), st.sampled_from(["Ada", "北", "İz", "👩‍💻"]))
def test_the_ith_equal_mention_takes_the_ith_occurrence(copies, asked, word):
    text = " x ".join([word] * copies)
    step = len(word) + 3
    wanted = [(i * step, i * step + len(word)) for i in range(min(copies, asked))]
    for mention in (lost(word), copied(word, 0)):
        aligned, left = align_mentions(text, [mention] * asked)
        assert places(aligned) == wanted
        assert left == [mention] * max(asked - copies, 0)


@given(
    TEXT,
    st.lists(st.tuples(st.text(CHARACTERS, max_size=3), st.sampled_from("AB")), max_size=6),
    st.booleans(),
)
def test_no_mention_vanishes_and_no_place_is_given_twice(text, wanted, flat):
    mentions = [lost(string, label, index) for index, (string, label) in enumerate(wanted)]
    aligned, unaligned = align_mentions(text, mentions, flat)
    assert sorted(m.index for m in [*aligned, *unaligned]) == list(range(len(mentions)))
    assert all(mention in mentions for mention in unaligned)
    assert len({(m.label, m.start, m.end) for m in aligned}) == len(aligned)
    for mention in aligned:
        assert mention.text == text[mention.start : mention.end]
        assert normal(mention.text) == normal(mentions[mention.index].text)


@given(st.text(CHARACTERS, min_size=1, max_size=20), st.data(), st.booleans())
def test_spreading_keeps_the_copied_characters(text, data, flat):
    offset = st.integers(0, len(text))
    mentions = []
    for index in range(data.draw(st.integers(0, 6))):
        start, end = sorted((data.draw(offset), data.draw(offset)))
        label = data.draw(st.sampled_from("AB"))
        mentions.append(Mention(label, index, text[start:end], start, end, 0.5))
    spread, surplus = align_mentions(text, mentions, flat)
    assert sorted(m.index for m in [*spread, *surplus]) == list(range(len(mentions)))
    assert all(mention in mentions for mention in surplus)
    assert len({(m.label, m.start, m.end) for m in spread}) == len(spread)
    for mention in spread:
        assert mention.text == text[mention.start : mention.end]
        assert mention.text.strip() == mentions[mention.index].text.strip()


@given(
    st.lists(st.sampled_from(["a", "A", "\u00e9", "e\u0301", "\ufb03", "\u1f82"]), max_size=4),
    st.lists(st.sampled_from([" ", "\n", "\t", "\u00a0", "\r\n"]), min_size=1, max_size=300),
)  # fmt: skip
def test_white_space_in_a_mention_may_be_of_any_length(words, blanks):
    text, run = " ".join(words), "".join(blanks)
    spread = run + run.join(words) + run
    assert TextIndex(text).occurrences(spread) == TextIndex(text).occurrences(text)
    decomposed = unicodedata.normalize("NFD", spread.casefold())
    assert TextIndex(text).occurrences(decomposed)[:1] == [(0, len(text))][: bool(text)]
