import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.prompts.tree import PromptTree, pack_rows

SEQUENCES = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.integers(0, 3), min_size=1, max_size=7)),
    min_size=1,
    max_size=12,
)


def seen_by(tree, taken, node):
    """The ids that a node sees in the pass it was in, by position."""
    (row,), (column,) = tree.place([node], taken)
    keys = np.flatnonzero(taken.mask[row, 0, column])
    start = taken.mask.shape[3] - taken.ids.shape[1]
    assert (keys >= start).all()
    found = {int(taken.positions[row, k - start]): int(taken.ids[row, k - start]) for k in keys}
    assert len(found) == len(keys)
    return [found[position] for position in sorted(found)]


@given(sequences=SEQUENCES, rows=st.lists(st.integers(0, 1), min_size=3, max_size=3))
def test_every_node_sees_its_own_prefix_and_nothing_else(sequences, rows):
    tree = PromptTree(rows)
    added = [(ids, tree.add(text, ids)) for text, ids in sequences]
    taken = tree.take_pass()
    for ids, nodes in added:
        for i, node in enumerate(nodes):
            assert seen_by(tree, taken, node) == ids[: i + 1]


@given(sequences=SEQUENCES)
def test_equal_prefixes_are_one_node(sequences):
    tree = PromptTree([0, 0, 0])
    for text, ids in sequences:
        tree.add(text, ids)
    prefixes = {(text, *ids[: i + 1]) for text, ids in sequences for i in range(len(ids))}
    assert len(tree) == len(prefixes)


@given(sequences=SEQUENCES, cut=st.integers(1, 4))
def test_two_passes_see_what_one_pass_sees(sequences, cut):
    whole, split = PromptTree([0, 0, 0]), PromptTree([0, 0, 0])
    nodes = [(whole.add(t, ids), ids) for t, ids in sequences]
    whole.take_pass()
    for text, ids in sequences:
        split.add(text, ids[:cut])
    first = split.take_pass()
    again = [split.add(t, ids) for t, ids in sequences]
    if split.pending:
        second = split.take_pass()
        known = first.ids.shape[1]
        column_id = {(0, c): int(first.ids[0, c]) for c in range(known)}
        column_id |= {(0, known + c): int(i) for c, i in enumerate(second.ids[0])}
        for path, (_, ids) in zip(again, nodes, strict=True):
            if len(ids) > cut and split.column[path[-1]] >= known:
                (row,), (column,) = split.place([path[-1]], second)
                keys = np.flatnonzero(second.mask[row, 0, column])
                assert sorted(column_id[0, int(k)] for k in keys) == sorted(ids)
                assert second.positions[row, column] == len(ids) - 1


def test_the_text_may_be_bidirectional_and_what_follows_is_causal():
    tree = PromptTree([0])
    trunk = tree.add(0, [5, 6, 7], bidirectional=3)
    branch = tree.add(0, [5, 6, 7, 8, 9], trunk)
    taken = tree.take_pass()
    assert seen_by(tree, taken, trunk[0]) == [5, 6, 7]
    assert seen_by(tree, taken, branch[3]) == [5, 6, 7, 8]
    with pytest.raises(ValueError, match="at once"):
        late = PromptTree([0])
        late.add(0, [5])
        late.add(0, [5, 6], bidirectional=2)


def test_a_window_is_cut_by_depth():
    tree = PromptTree([0], window=2)
    tree.add(0, [1, 2, 3, 4])
    nodes = tree.add(0, [1, 2, 9])
    taken = tree.take_pass()
    (row,), (column,) = tree.place([nodes[-1]], taken)
    assert taken.mask[row, 0, column].sum() == 3
    keys = np.flatnonzero(taken.window_mask[row, 0, column])
    assert [int(taken.ids[0, k]) for k in keys] == [2, 9]


def test_padding_sees_itself_only():
    tree = PromptTree([0, 1])
    tree.add(0, [1, 2, 3])
    tree.add(1, [4])
    taken = tree.take_pass()
    assert taken.ids.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert taken.mask[1, 0].tolist() == np.eye(3, dtype=bool).tolist()


def test_an_empty_pass_is_refused():
    with pytest.raises(ValueError, match="no node"):
        PromptTree([0]).take_pass()


@given(sizes=st.lists(st.integers(1, 400), max_size=30), width=st.integers(1, 300))
def test_rows_are_few_and_balanced(sizes, width):
    rows = pack_rows(sizes, width)
    assert len(rows) == len(sizes)
    if sizes:
        filled = [sum(s for s, r in zip(sizes, rows, strict=True) if r == i) for i in set(rows)]
        assert set(rows) == set(range(max(rows) + 1))
        assert max(filled) <= 2 * max(width, max(sizes))


def test_a_preamble_is_of_all_texts():
    """Its nodes are there before the first pass, and texts that go on alike stay apart."""
    plain, begun = PromptTree([0, 0, 1]), PromptTree([0, 0, 1], preamble=[8, 9])
    for text, ids in [(0, [5, 6]), (1, [5, 7]), (2, [5])]:
        plain.add(text, ids)
        nodes = begun.add(text, [8, 9, *ids])
        assert nodes[:2] == [0, 1] and [begun.ids[node] for node in nodes] == [8, 9, *ids]
    one, other = plain.take_pass(), begun.take_pass()
    assert (one.ids == other.ids).all() and (other.positions[0] == [2, 3, 2, 3]).all()
    assert (one.mask == other.mask[..., 2:]).all()
    assert other.mask[0, 0, :, :2].all()
    with pytest.raises(ValueError, match="preamble"):
        begun.add(0, [8, 5])


def test_ids_that_an_earlier_pass_had_can_be_asked_again():
    tree = PromptTree([0])
    tree.add(0, [5, 6, 7])
    tree.take_pass()
    path = tree.add(0, [5, 6], fresh=1)
    taken = tree.take_pass()
    assert taken.ids.tolist() == [[6]] and tree.depth[path[-1]] == 1
    assert taken.mask[0, 0].tolist() == [[True, False, False, True]]
