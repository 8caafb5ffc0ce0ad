"""Warnings of the package, in commands and elsewhere."""

import subprocess
import sys
import warnings

import pytest
import spacy

LABELS = "PER,PRE"


def run(*arguments, folder):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("command", ["explain", "annotate"])
def test_in_a_command_a_warning_is_a_line_without_its_source(command, trained_folder, tmp_path):
    (tmp_path / "texts.txt").write_text("Ada met Bo.\n")
    arguments = {
        "explain": ("explain", "Ada met Bo.", "-p", trained_folder),
        "annotate": ("annotate", trained_folder, "texts.txt"),
    }[command]
    out = ("-o", "out.html" if command == "explain" else "out")
    done = run("-m", "spacy", "padellm", *arguments, *out, "-l", LABELS, folder=tmp_path)
    said = " ".join(done.stderr.split())
    assert "padellm_ner: the model was not trained with the labels 'PRE'" in said
    (line,) = [line for line in done.stderr.splitlines() if "padellm_ner" in line]
    assert line.startswith(("⚠ ", "[!] ")), line
    for source in (".py", "UserWarning", "warn(", "\x1b"):
        assert source not in done.stderr, done.stderr
    assert "not trained" not in done.stdout


def test_warnings_of_others_and_of_library_users_keep_their_place(trained_folder, tmp_path):
    other = """
import warnings
from spacy_padellm.cli.warned import clean_warnings
before = warnings.showwarning
with clean_warnings():
    warnings.warn("of others")
assert warnings.showwarning is before
"""
    assert "UserWarning: of others" in run("-c", other, folder=tmp_path).stderr
    library = f"""
import spacy
import spacy_padellm.cli
nlp = spacy.load({str(trained_folder)!r}, config={{"components.padellm_ner.labels": ["PRE"]}})
nlp("Ada met Bo.")
"""
    assert "UserWarning: padellm_ner: " in run("-c", library, folder=tmp_path).stderr


def test_a_command_in_this_process_leaves_warnings_as_they_were(trained_folder):
    from spacy.cli._util import app
    from typer.testing import CliRunner

    from spacy_padellm import cli  # noqa: F401 - registers the commands

    before = warnings.showwarning
    CliRunner().invoke(app, ["padellm", "models"])
    assert warnings.showwarning is before
    nlp = spacy.load(trained_folder)
    with pytest.warns(UserWarning, match="not trained on the label"):
        nlp.get_pipe("padellm_ner").add_label("RIVER")
