"""Grammars of what an answer may be, and servers that take them or do not."""

import json
import re
from types import SimpleNamespace

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from remote.raw_server import completion, raw_server, response
from remote.serving import remote
from spacy_padellm.decoding.copying import CopyBranch, TextSlices
from spacy_padellm.prompts.plain_text import EncodedText
from spacy_padellm.remote.errors import ServerError
from spacy_padellm.remote.grammar import MentionGrammar, literal, number_grammar

LETTERS = 'aB 1"\\\n\t\x0c\x08é漢👩]|'
_RULE = re.compile(r'(w\d+) ::= ("(?:[^"\\]|\\.)*")(?: (w\d+)(\??))?')


def encoded(text, pieces):
    """A text cut into tokens of these lengths, blanks before a word in its token."""
    offsets, begin = [], 0
    for length in [*pieces, len(text)]:
        end = min(begin + length, len(text))
        if end > begin:
            start, stop = begin, end
            while start < stop and text[start].isspace():
                start += 1
            while stop > start and text[stop - 1].isspace():
                stop -= 1
            offsets.append((start, stop))
        begin = end
    return EncodedText(text, tuple(range(len(offsets))), tuple(offsets))


def strings_of(grammar):
    """All strings of a grammar, without the blank that may stand before them."""
    root, *lines = grammar.rstrip("\n").split("\n")
    rules = {m[1]: (json.loads(m[2]), m[3], m[4]) for m in map(_RULE.fullmatch, lines)}
    begin = re.fullmatch(r'root ::= " "\? \((.+)\)', root)[1].split(" | ")

    def of(name):
        string, after, optional = rules[name]
        if not after or optional:
            yield string
        if after:
            yield from (string + rest for rest in of(after))

    return [string for name in begin for string in of(name)]


def slices_of(slices):
    """What a mention may be in process: every way that copying goes."""
    found, going = set(), [CopyBranch(slices)]
    while going:
        branch = going.pop()
        for token in branch.allowed([-1]):
            if token == -1:
                found.update(branch.spans())
            else:
                going.append(branch.advanced(int(token)))
    return found


@settings(deadline=None, max_examples=150)
@given(st.text(LETTERS, max_size=12), st.lists(st.integers(1, 4), max_size=8), st.data())
def test_its_strings_are_what_is_copied_in_process(text, pieces, data):
    read = encoded(text, pieces)
    edges = st.none() | st.sets(st.integers(0, len(text)))
    slices = TextSlices(read, data.draw(edges), data.draw(edges))
    grammar = MentionGrammar(slices)
    expected = slices_of(slices)
    assert bool(grammar) == bool(expected)
    if not expected:
        return
    strings = strings_of(grammar.write())
    assert sorted(strings) == sorted(text[start:end] for start, end in expected)
    for string in strings:
        found = grammar.places(string)
        assert found == sorted(p for p in expected if text[slice(*p)] == string)


@settings(deadline=None, max_examples=150)
@given(st.text("é漢👩b ", min_size=1, max_size=10), st.data())
def test_broken_characters_are_those_of_a_slice(text, data):
    """As many U+FFFD as a character has bytes, or fewer."""
    grammar = MentionGrammar(TextSlices(encoded(text, [1] * len(text))))
    strings = strings_of(grammar.write()) if grammar else []
    if not strings:
        return
    whole = data.draw(st.sampled_from(strings))
    lengths = [data.draw(st.integers(0, len(char.encode()))) for char in whole]
    pairs = zip(whole, lengths, strict=True)
    broken = "".join("\ufffd" * n if n and not char.isspace() else char for char, n in pairs)
    mended = grammar.mend(broken)
    assert grammar.places(mended) and len(mended) <= len(broken)
    if broken == whole:
        assert mended == whole


def test_it_is_as_long_as_the_text():
    sizes = []
    for n in (100, 200):
        text = " ".join(f"word{i}" for i in range(n))
        sizes.append(len(MentionGrammar(TextSlices(encoded(text, [7] * n))).write()))
    assert sizes[1] < 2.5 * sizes[0]


def test_white_space_that_is_read_as_one_blank():
    grammar = MentionGrammar(TextSlices(encoded("New \n York", [3, 7])), blanks=True)
    assert set(strings_of(grammar.write())) == {"New", "York", "New York"}
    assert grammar.places(" New York") == [(0, 10)]


def test_literals():
    assert literal('a"b\\c\n\x00\u2028é') == '"a\\"b\\\\c\\n\\u0000\\u2028é"'
    assert literal("\f\b") == '"\\u000c\\u0008"'  # GBNF knows JSON's short forms of these not


@pytest.mark.parametrize(("most", "digits"), [(9, 1), (10, 2), (64, 2), (4096, 4)])
def test_numbers(most, digits):
    encoder = SimpleNamespace(count_is_one_token=False, max_count=most)
    assert number_grammar(encoder).count("[0-9]") == digits


# --- what a server takes


@pytest.fixture
def server():
    """`server(owner, obeys)` serves " Ada" once in each text; gives its address and requests.
    status: of the list of its models; before: what it answers there at first."""
    open_servers = []

    def start(owner, obeys=True, status=200, before=()):
        bodies = []
        statuses = [*before]

        def make(request):
            if request.startswith(b"GET "):
                said = {"data": [{"id": "m", "owned_by": owner}]} if owner else {"object": "list"}
                return [response(json.dumps(said).encode(), (statuses or [status]).pop(0))]
            body = json.loads(request.split(b"\r\n\r\n", 1)[1])
            bodies.append(body)
            if "qx7" in json.dumps(body):
                if obeys is None:
                    return [response(b'{"error": "no grammars here"}', 400)]
                return [response(completion("qx7" if obeys else " hello"))]
            return [response(completion(" 1" if body["max_tokens"] < 10 else " Ada"))]

        opened = raw_server(make, lists_models=True)
        url, _ = opened.__enter__()
        open_servers.append(opened)
        return url, bodies

    yield start
    for opened in open_servers:
        opened.__exit__(None, None, None)


def grammars(bodies):
    """The grammar of each request, and in which field it was."""
    found = []
    for body in bodies:
        vllm = body.get("structured_outputs", {}).get("grammar")
        by = {"llama.cpp": body.get("grammar"), "vllm": vllm, "sglang": body.get("ebnf")}
        found.append({kind: grammar for kind, grammar in by.items() if grammar})
    return found


OWNERS = [("llamacpp", "llama.cpp"), ("vllm", "vllm"), ("sglang", "sglang")]


@pytest.mark.parametrize(("owner", "kind"), OWNERS)
def test_a_server_that_says_it_can_is_sent_grammars(server, plain_lm_folder, owner, kind, caplog):
    url, bodies = server(owner)
    block = {"prompts": "text", "concurrency": 1}
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block=block)
    docs = list(nlp.pipe(["Ada came.", "So Ada came."]))
    assert [[e.text for e in doc.ents] for doc in docs] == [["Ada"]] * 2
    sent = grammars(bodies)
    assert all(list(one) == [kind] for one in sent) and "qx7" in sent[0][kind]
    numbers, mentions = sent[1:3], sent[3:]
    assert all("[0-9]" in one[kind] for one in numbers)
    assert [set(strings_of(one[kind])) >= {"Ada", "came"} for one in mentions] == [True, True]
    assert "So Ada" in strings_of(mentions[1][kind])
    assert "written freely" not in caplog.text
    nlp("Ada")
    assert sum("qx7" in str(one) for one in grammars(bodies)) == 1


@pytest.mark.parametrize(("owner", "obeys", "why"), [
    ("vllm", False, "does not heed it"), ("llamacpp", None, "does not heed it"),
    ("me", True, "says it is 'me'"), ("", True, "does not say"),
])  # fmt: skip
def test_others_are_warned_of_once(server, plain_lm_folder, owner, obeys, why, caplog):
    url, bodies = server(owner, obeys)
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"prompts": "text"})
    assert [[e.text for e in doc.ents] for doc in nlp.pipe(["Ada", "so Ada"])] == [["Ada"]] * 2
    assert not any(one for one in grammars(bodies) if "qx7" not in str(one))
    assert [why in r.message for r in caplog.records if "written freely" in r.message] == [True]
    assert "`grammar`" in caplog.text


@pytest.mark.parametrize("before", [[503], [502, 429]])
def test_a_server_that_is_still_loading_is_asked_again(server, plain_lm_folder, before, caplog):
    url, bodies = server("llamacpp", before=before)
    block = {"prompts": "text"}
    remote(url, plain_lm_folder, labels=["A"], model_block=block)("Ada")
    assert all(grammars(bodies)) and "written freely" not in caplog.text


def test_a_key_that_is_refused_says_nothing_of_grammars(server, plain_lm_folder, caplog):
    url, bodies = server("llamacpp", status=401)
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"prompts": "text"})
    with pytest.raises(ServerError, match="answered 401"):
        nlp("Ada")
    assert not bodies and "written freely" not in caplog.text


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm", "sglang"])
def test_a_kind_can_be_set(server, plain_lm_folder, kind, caplog):
    url, bodies = server("")
    block = {"prompts": "text", "grammar": kind}
    remote(url, plain_lm_folder, labels=["A"], model_block=block)("Ada")
    assert [list(one) for one in grammars(bodies)] == [[kind]] * 2
    assert "written freely" not in caplog.text


@pytest.mark.parametrize("off", [
    {"model_block": {"grammar": "off"}}, {"copy_constraint": False},
])  # fmt: skip
def test_it_can_be_off(server, plain_lm_folder, off, caplog):
    url, bodies = server("llamacpp")
    block = {"prompts": "text", **off.get("model_block", {})}
    more = {name: value for name, value in off.items() if name != "model_block"}
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block=block, **more)
    assert [ent.text for ent in nlp("Ada").ents] == ["Ada"]
    assert grammars(bodies) == [{}, {}] and "written freely" not in caplog.text


def test_what_a_server_writes_in_spite_of_it_is_left_out(server, plain_lm_folder):
    url, _ = server("vllm")
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"prompts": "text"})
    assert not nlp("Bob came.").ents


def test_special_tokens_need_llama_cpp(server, lm_folder, caplog):
    url, _ = server("vllm")
    with pytest.raises(ServerError, match="special tokens"):
        remote(url, lm_folder)("Ada")
    assert "cannot hold the special tokens" in caplog.text
    with pytest.raises(ValueError, match="`grammar`"):
        remote(url, lm_folder, model_block={"grammar": "vllm"})("Ada")


def test_a_setting_that_is_none(plain_lm_folder):
    with pytest.raises(ValueError, match="`grammar` is 'gbnf'"):
        remote("http://x/v1", plain_lm_folder, model_block={"grammar": "gbnf"})


def test_what_is_known_goes_with_a_copy(server, plain_lm_folder, tmp_path):
    url, bodies = server("llamacpp")
    nlp = remote(url, plain_lm_folder, labels=["A"], model_block={"prompts": "text"})
    nlp("Ada")
    nlp.to_disk(tmp_path / "p")
    again = spacy.load(tmp_path / "p")
    assert [ent.text for ent in again("Ada").ents] == ["Ada"]
    assert all(grammars(bodies))
