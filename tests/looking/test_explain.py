"""The page of an explanation, and the command that writes it, in a real browser."""

import html
import json
import re
import shutil
import subprocess

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.explain.explanation import explain
from spacy_padellm.tools.explain.page import render_explanation
from spacy_padellm.tools.explain.shading import Shade, shade
from spacy_padellm.tools.pages.colors import color_of

TEXT = "Ada <b>Paris</b> met Ada in Rome & Ada Rome."
SCRIPT = {
    TEXT: [
        ("PER", "Ada", 0.9),
        ("PER", "Ada Rome", 0.8),
        ("PER", "Zoe", 0.7),
        ("LOC", "Ada", 0.6),
        ("LOC", "Rome", 0.2),
    ]
}


# A page that ran it would have another title.
TAKEN = "Ada Lovelace lives in Paris. <script>document.title='taken'</script>"


def dom_of(place, folder):
    """What a browser makes of a page. folder: for its profile."""
    options = """--headless --no-sandbox --disable-gpu --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --dump-dom""".split()
    profile = f"--user-data-dir={folder / 'profile'}"
    command = ["chromium", *options, profile, place]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert "<title>" in dom and "taken</title>" not in dom
    return dom


def text_of(page):
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_every_mention_has_a_fate_and_a_reason(scripted):
    nlp, _ = scripted(SCRIPT, threshold=0.3)
    found = explain(nlp, nlp.get_pipe("padellm_ner"), TEXT)
    fates = {(m.label, m.text): (m.fate, m.reason) for x in found.labels for m in x.mentions}
    assert fates[("PER", "Ada")] == ("kept", "")
    assert fates[("LOC", "Ada")][0] == "dropped" and "'Ada'" in fates[("LOC", "Ada")][1]
    assert fates[("LOC", "Rome")][0] == "below threshold" and "0.3" in fates[("LOC", "Rome")][1]
    assert fates[("PER", "Zoe")][0] == "not aligned"
    assert [(m.label, m.text) for m in found.kept] == [("PER", "Ada"), ("PER", "Ada Rome")]
    assert [(x.label, x.count) for x in found.labels] == [("PER", 3), ("LOC", 2)]
    assert found.text_tokens > 5 and json.loads(json.dumps(found.to_dict()))["text"] == TEXT


def test_work_is_that_of_the_text(trained):
    found = explain(trained, trained.get_pipe("padellm_ner"), "Ada Lovelace lives in Paris.")
    assert found.passes >= 1 and found.tokens >= found.text_tokens > 0 and found.windows == 1
    again = explain(trained, trained.get_pipe("padellm_ner"), "Ada Lovelace lives in Paris.")
    # How far it runs ahead goes by the clock; work that were counted up would be twice as much.
    assert again.passes <= found.passes + 1
    assert [m.text for m in again.kept] == ["Ada Lovelace", "Paris"]


def test_a_text_is_shown_and_never_markup(scripted):
    nlp, _ = scripted(SCRIPT)
    page = render_explanation(explain(nlp, nlp.get_pipe("padellm_ner"), TEXT))
    assert "<b>" not in page and "<script" not in page and "http" not in page
    assert "&lt;b&gt;Paris&lt;/b&gt;" in page
    shown = " ".join(text_of(page).split())
    assert "PER 0.90" in shown and "80.0 %" in shown and "not aligned" in shown


def test_a_description_stands_apart_from_what_was_found():
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"labels": {"PER": "names of people"}})
    page = render_explanation(explain(nlp, nlp.get_pipe("padellm_ner"), "Ada met Bo."))
    assert re.search(r"names of people</span>\s+found", page)


def test_shading():
    spans = [Shade(0, 10, "A", 0.5), Shade(4, 6, "B", 0.9), Shade(8, 12, "C", None)]
    pieces = shade("0123456789abcdef", spans)
    assert "".join(p.text for p in pieces) == "0123456789abcdef"
    assert [(p.text, [s.label for s in p.shades]) for p in pieces] == [
        ("0123", ["A"]), ("45", ["B", "A"]), ("67", ["A"]), ("89", ["C", "A"]), ("ab", ["C"]),
        ("cdef", []),
    ]  # fmt: skip
    assert [[s.label for s in p.ends] for p in pieces] == [[], ["B"], [], ["A"], ["C"], []]
    assert pieces[-1].background == "" and pieces[4].background.endswith("ff")
    assert color_of("PER") == "#aa9cfc" and re.fullmatch("#[0-9a-f]{6}", color_of("GENE"))


def test_the_command_writes_a_page(trained_folder, tmp_path):
    page = tmp_path / "sub" / "page.html"
    arguments = ["padellm", "explain", "Ada Lovelace lives in Paris.", "-p", str(trained_folder)]
    done = CliRunner().invoke(app, [*arguments, "-o", str(page)])
    assert done.exit_code == 0, done.output
    assert "PER\t" in done.output and "Ada Lovelace" in text_of(page.read_text())
    only = CliRunner().invoke(app, [*arguments, "-o", str(page), "-l", "LOC"])
    assert only.exit_code == 0 and "PER" not in only.output
    for wrong, message in ((["-p", "no/such"], "no/such"), (["-l", ""], None)):
        done = CliRunner().invoke(app, [*arguments[:3], *wrong, "-o", str(page)])
        assert (done.exit_code == 1) == (message is not None)
        assert message is None or message in done.output
    empty = CliRunner().invoke(app, ["padellm", "explain", " ", "-o", str(page)])
    assert empty.exit_code == 1 and "empty" in empty.output
    piped = [*arguments[:2], "-", *arguments[3:], "-o", str(page)]
    assert "Paris" in CliRunner().invoke(app, piped, input="Bo lives in Paris.").output


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_in_a_browser(tmp_path, trained):
    pipe = trained.get_pipe("padellm_ner")
    page = tmp_path / "page.html"
    page.write_text(render_explanation(explain(trained, pipe, TAKEN)), encoding="utf8")
    dom = dom_of(page.as_uri(), tmp_path)
    assert dom.count("<mark") == 2 and "<script>" not in dom.split("<style>")[0]
