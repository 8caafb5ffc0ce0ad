from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.decoding.distinct import choose_starts
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource


def options(*rows):
    return [(np.array(list(row)), np.array(list(row.values()), dtype=float)) for row in rows]


def test_the_likelier_mention_takes_the_place_and_the_other_the_next_best():
    some = options({1: -0.1, 2: -3.0, 3: -2.0}, {1: -0.2, 2: -1.5, 3: -4.0})
    assert choose_starts(some, {1: 1, 2: 1, 3: 1}) == [0, 1]
    assert choose_starts(some, {1: 2, 2: 1, 3: 1}) == [0, 0]  # the token is there twice
    assert choose_starts(some[::-1], {1: 1, 2: 1, 3: 1}) == [1, 0]


def test_where_there_are_too_few_places_nothing_changes():
    some = options({1: -0.1}, {1: -0.2}, {1: -0.3})
    assert choose_starts(some, {1: 1}) == [0, 0, 0]


rows = st.lists(
    st.dictionaries(st.integers(0, 5), st.floats(-9, 0), min_size=6, max_size=6),
    min_size=1,
    max_size=6,
)


@given(rows, st.dictionaries(st.integers(0, 5), st.integers(1, 2), min_size=6, max_size=6))
def test_no_token_begins_more_mentions_than_it_has_places(rows, places):
    some = options(*rows)
    chosen = choose_starts(some, places)
    ids = [int(ids[k]) for (ids, _), k in zip(some, chosen, strict=True)]
    assert all(n <= places[token] for token, n in Counter(ids).items())
    alone = [int(p.argmax()) for _, p in some]
    wanted = Counter(int(i[k]) for (i, _), k in zip(some, alone, strict=True))
    if all(n <= places[token] for token, n in wanted.items()):
        assert [some[i][1][k] for i, k in enumerate(chosen)] == [
            some[i][1][k] for i, k in enumerate(alone)
        ]


def test_mentions_of_a_label_begin_at_different_places(lm_folder):
    """The random model repeats itself; every decoder agrees on what it says instead."""
    loaded = load_model(ModelSource(str(lm_folder)))
    texts = ["Ada met Bo in Rome.", "In Rome we met Tim Lee, then Ada left Rome.", "No one."]
    found = {}
    for distinct in (False, True):
        for method in ("tree", "rows", "paper"):
            settings = DecodingSettings(method, distinct=distinct)
            decoder = Decoder(loaded.lm, loaded.encoder(), settings)
            found[distinct, method] = [
                [(m.label, m.index, m.start, m.end) for m in one.mentions]
                for one in decoder.predict(texts, loaded.settings.labels)
            ]
        assert found[distinct, "tree"] == found[distinct, "rows"] == found[distinct, "paper"]

    def repeated(predictions):
        starts = [(i, m[0], m[2]) for i, one in enumerate(predictions) for m in one]
        return len(starts) - len(set(starts))

    assert repeated(found[False, "tree"]) > 0 == repeated(found[True, "tree"])
