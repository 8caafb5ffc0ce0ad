"""`padellm train` of a file of texts in a folder where it was stopped: at which point, and what is
asked for next."""

import json
from types import SimpleNamespace

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config

from spacy_padellm.training.from_config import own_data_run
from spacy_padellm.training.from_config import run as run_module
from spacy_padellm.training.from_config.folder import RunFolder
from spacy_padellm.training.from_config.made_config import is_as_made, sign
from spacy_padellm.training.from_config.run import ConfigRun

from .own_data import NAMES, texts_of, train, write_csv

ROWS = [(f"{name} ran.", [[0, len(name), "PER"]]) for name in NAMES]
MORE = [(f"Then {name} ran {i} times.", [[5, 5 + len(name), "PER"]])
        for i in range(6) for name in NAMES]  # fmt: skip


class Run(ConfigRun):
    """It loads no weights and trains nothing; its checkpoints are empty."""

    stop = ""  # where Ctrl-C is pressed

    def _make_trainer(self):
        self.press("run.json")

    def press(self, where):
        if Run.stop == where:
            raise KeyboardInterrupt

    def run(self):
        self.press("config.cfg")
        for name, corpus in (("train", self.train_corpus), ("dev", self.dev_corpus)):
            self._note_texts(name, list(corpus(self.nlp)))
        checkpoint = self.folder.checkpoints / "checkpoint-20"
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": 20}))
        self.press("checkpoint")
        return self.folder.best


@pytest.fixture
def stopped(lm_folder, tmp_path, monkeypatch):
    """`stopped(name, where)`: a folder whose run was stopped there, its file and command."""
    monkeypatch.setattr(own_data_run, "ConfigRun", Run)
    monkeypatch.setattr(run_module, "init_nlp", load_model_from_config)
    write = RunFolder.write_config

    def write_config(folder, text):
        if Run.stop == "dev.spacy":
            raise KeyboardInterrupt
        write(folder, text)

    monkeypatch.setattr(RunFolder, "write_config", write_config)

    def make(name, where):
        path, out = write_csv(tmp_path / f"{name}.csv", ROWS), tmp_path / name

        def command(*more):
            return train(path, "-o", out, "--base", lm_folder, *more)

        with monkeypatch.context() as now:
            now.setattr(Run, "stop", where)
            assert command()[0] == 130
        there = {entry.name for entry in out.iterdir()} - {".lock"}
        order = ["run.json", "dev.spacy", "config.cfg", "checkpoints"]
        assert there == {*order[: order.index(where.replace("checkpoint", "checkpoints")) + 1]}
        return SimpleNamespace(path=path, out=out, command=command, config=out / "config.cfg")

    return make


def held_out(folder):
    docs = DocBin().from_disk(folder / "dev.spacy").get_docs(spacy.blank("en").vocab)
    return [doc.text for doc in docs]


def agrees(folder):
    """Whether the texts held out are those that the config keeps from training."""
    config = load_config(folder / "config.cfg")
    found = held_out(folder)
    return found == texts_of(config, "dev") and not {*found} & {*texts_of(config, "train")}


@pytest.mark.parametrize("where", ["run.json", "dev.spacy", "config.cfg"])
def test_before_a_checkpoint_every_command_begins_anew(where, stopped):
    for changed, *more in ((False,), (True, "--resume"), (True, "--strict"), (False, "--resume")):
        run = stopped(f"{changed} {more}", where)
        if changed:
            write_csv(run.path, [*ROWS, *MORE])
        code, told = run.command(*more)
        assert code == 0 and "Training on" in told, told
        assert agrees(run.out) and is_as_made(run.config.read_bytes())
        assert len(held_out(run.out)) == (14 if changed else 5)


def test_what_begins_anew_is_checked_and_held_out_anew(stopped, tmp_path):
    run = stopped("faulty", "config.cfg")
    write_csv(run.path, [*ROWS, ("Zoe ran.", [[0, 99, "PER"]])])
    code, told = run.command("--resume", "--strict")
    assert code == 1 and "error with --strict" in told
    run = stopped("own dev", "config.cfg")  # no text that was held out is left beside them
    dev = write_csv(tmp_path / "dev.csv", MORE)
    assert run.command("--dev", dev)[0] == 0 and not (run.out / "dev.spacy").exists()
    assert texts_of(load_config(run.config), "dev") == [text for text, _ in MORE]


def test_from_a_checkpoint_on_only_the_same_run_goes_on(stopped, tmp_path):
    run = stopped("run", "checkpoint")
    files = {name: (run.out / name).read_bytes() for name in ("config.cfg", "dev.spacy")}
    for more in ([], ["--strict"]):
        code, told = run.command(*more)
        assert code == 1 and "go on with --resume" in told
        code, told = run.command("--resume", *more)
        assert code == 0 and "own config" in told and "Training on" not in told, told
    dev = write_csv(tmp_path / "dev.csv", MORE)
    code, told = run.command("--resume", "--dev", dev)
    assert code == 1 and "--dev is" in told and "was started with" in told
    write_csv(run.path, [*ROWS, *MORE])
    for more in ([], ["--strict"]):
        code, told = run.command("--resume", *more)
        assert code == 1 and "corpus have changed since this run began" in told
    assert files == {name: (run.out / name).read_bytes() for name in files}
    run.config.unlink()
    for more in ([], ["--resume"]):
        code, told = run.command(*more)
        assert code == 1 and "no config.cfg" in told and "another --output" in told
        assert "--resume" not in told


def test_an_edited_config_is_not_written_over(stopped, caplog):
    for where in ("config.cfg", "checkpoint"):
        run = stopped(where, where)
        edited = run.config.read_text().replace("dropout = 0.1", "dropout = 0.3")
        assert edited != run.config.read_text()
        run.config.write_text(edited)
        code, told = run.command("--resume")
        if where == "checkpoint":
            assert code == 0 and "another config (training.dropout)" in caplog.text
        else:
            for more in (["--resume"], []):
                code, told = run.command(*more)
                assert code == 1 and "another --output" in told and "remove it" in told
                assert "this version" in told
        assert run.config.read_text() == edited


def test_held_out_texts_that_are_read_are_not_written_over(stopped):
    run = stopped("run", "config.cfg")
    before = (run.out / "dev.spacy").read_bytes()
    assert run.command("--dev", run.out / "dev.spacy")[0] == 0
    code, told = train(run.out / "dev.spacy", "-o", stopped("next", "config.cfg").out)
    assert code == 0 and (run.out / "dev.spacy").read_bytes() == before, told
    run = stopped("own", "config.cfg")
    code, told = train(run.out / "dev.spacy", "-o", run.out)
    assert code == 1 and "copy the file" in told and (run.out / "dev.spacy").read_bytes() == before


def test_a_full_disk_is_told_before_the_first_step_too(stopped, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    run = stopped("run", "run.json")
    for name in ("write_held_out", "write_config"):
        with monkeypatch.context() as now:
            now.setattr(RunFolder, name, full)
            code, told = run.command()
        assert code == 1 and "the disk is full" in told and "give the same command again" in told
    assert run.command()[0] == 0 and agrees(run.out)


def test_an_edit_is_seen_and_line_ends_are_none():
    text = "[paths]\ntrain = null\n\n[nlp]\nlang = 'en'\n"
    made = sign(text).encode()
    for same in (made, made.replace(b"\n", b"\r\n"), made + b"\n"):
        assert is_as_made(same)
    edits = made.replace(b"null", b"'a'"), made + b"seed = 1\n", b"\xff" + made, text.encode(), b""
    for edited in (*edits, made.split(b"\n")[0]):
        assert not is_as_made(edited)
