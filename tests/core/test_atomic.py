"""Files and folders written whole, by real processes that are killed or out of disk; locks."""

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import spacy_padellm.atomic
from spacy_padellm.atomic import (
    BusyError,
    alone_in,
    append_whole,
    check_owner,
    claim,
    holds_anything,
    whole_file,
    whole_folder,
    write_whole,
)


def script(body, *arguments, **options):
    code = "import sys, time\nfrom pathlib import Path\nfrom spacy_padellm.atomic import *\n"
    command = [sys.executable, "-c", code + textwrap.dedent(body), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_a_killed_writer_leaves_the_old_file_and_no_lock(tmp_path):
    folder = tmp_path / "out"
    write_whole(folder / "a.txt", "old")
    holder = script(
        """
        folder = Path(sys.argv[1])
        with alone_in(folder), whole_file(folder / "a.txt") as fresh, whole_folder(folder / "f"):
            fresh.write_text("half")
            print("there", flush=True)
            time.sleep(60)
        """,
        folder,
    )
    assert holder.stdout.readline() == "there\n"
    with pytest.raises(BusyError, match=r"another run is writing to .*out"), alone_in(folder):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (folder / "a.txt").read_text() == "old"
    assert len(list(folder.glob(".*.half"))) == 2
    with alone_in(folder):
        assert sorted(p.name for p in folder.iterdir()) == [".lock", "a.txt"]


def test_runs_of_one_process_keep_each_other_out_too(tmp_path):
    with alone_in(tmp_path / "a"), pytest.raises(BusyError), alone_in(tmp_path / "a", wait=0.1):
        pass
    with alone_in(tmp_path / "a"):
        assert not holds_anything(tmp_path / "a")
    assert not (tmp_path / "a").exists()  # a run that wrote nothing leaves nothing


def test_one_waits_for_another(tmp_path):
    holder = script(
        """
        with alone_in(Path(sys.argv[1])):
            print("there", flush=True)
            time.sleep(0.3)
        """,
        tmp_path,
    )
    assert holder.stdout.readline() == "there\n"
    began = time.monotonic()
    with alone_in(tmp_path, wait=20):
        assert time.monotonic() - began > 0.05
    assert holder.wait() == 0


def test_no_two_are_in_a_folder_that_comes_and_goes(tmp_path):
    """Runs that write nothing take their folder, and the lock in it, away while others wait."""
    inside, most, together = [], [], threading.Barrier(4)

    def run(_):
        for i in range(12):
            together.wait(30)
            with alone_in(tmp_path / str(i), wait=30):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert most == [1] * 48
    assert not [path for path in tmp_path.glob("*/*") if path.name != ".lock"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_without_locks_a_run_goes_on_and_its_errors_are_its_own(
    tmp_path, monkeypatch, caplog, number
):
    def refuse(*_args, **_kwargs):
        raise OSError(number, "no locks")

    monkeypatch.setattr(spacy_padellm.atomic.FileLock, "acquire", refuse)
    with pytest.raises(KeyError) as error, alone_in(tmp_path / "a"):
        assert "no locks" in caplog.text
        raise KeyError("x")
    assert error.value.__context__ is None


def test_a_full_disk_leaves_what_was_there(tmp_path):
    write_whole(tmp_path / "a.bin", b"old")
    with whole_folder(tmp_path / "f") as fresh:
        (fresh / "x").write_text("old")
    done = script(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        folder = Path(sys.argv[1])
        for fails in (
            lambda: write_whole(folder / "a.bin", bytes(5000)),
            lambda: whole_folder(folder / "f"),
        ):
            try:
                found = fails()
                if found is not None:
                    with found as fresh:
                        (fresh / "x").write_bytes(bytes(5000))
            except OSError as error:
                print(error.errno)
        """,
        tmp_path,
    )
    assert done.communicate(timeout=60)[0].split() == ["27", "27"]  # EFBIG
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin", "f"]
    assert (tmp_path / "f" / "x").read_text() == "old"


@pytest.mark.parametrize("when", ["before", "between", "behind"])
def test_a_folder_has_its_name_at_every_moment_but_one_which_is_mended(tmp_path, when):
    """A kill as a new folder takes the place of an old one."""
    folder, old = tmp_path / "model", tmp_path / ".model.old"
    with whole_folder(folder) as fresh:
        (fresh / "x").write_text("1")
    if when == "between":
        folder.replace(old)
    elif when == "behind":
        old.mkdir()
        (old / "x").write_text("0")
    with pytest.raises(RuntimeError), whole_folder(folder) as fresh:
        raise RuntimeError("out of luck")
    assert (folder / "x").read_text() == "1" and len(list(tmp_path.iterdir())) == 1
    with whole_folder(folder) as fresh:
        (fresh / "y").write_text("2")
    assert [p.name for p in folder.iterdir()] == ["y"] and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="others need two steps")
def test_nobody_finds_a_folder_missing_that_is_replaced(tmp_path):
    folder = tmp_path / "model"
    for _ in range(2):
        with whole_folder(folder) as fresh:
            (fresh / "x").write_text("1")
    watcher = script(
        """
        path = Path(sys.argv[1])
        print("there", flush=True)
        missing = 0
        while not (path / "end").exists():
            missing += not (path / "x").exists()
        print(missing)
        """,
        folder,
    )
    assert watcher.stdout.readline() == "there\n"
    for i in range(300):
        with whole_folder(folder) as fresh:
            (fresh / "x").write_text("1")
            if i == 299:
                (fresh / "end").touch()
    assert watcher.communicate(timeout=60)[0] == "0\n"


def test_a_link_stays_a_link_and_long_names_do(tmp_path):
    real = tmp_path / "real.txt"
    real.write_text("old")
    (tmp_path / "link.txt").symlink_to(real)
    write_whole(tmp_path / "link.txt", "new\r\n")
    assert (tmp_path / "link.txt").is_symlink() and real.read_bytes() == b"new\r\n"
    name = "ä" * 120 + ".txt"
    with whole_file(tmp_path / name) as fresh:
        fresh.write_text("x")
    assert (tmp_path / name).read_text() == "x"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = script("print(Path(sys.argv[1]).read_text())", pipe)
    write_whole(pipe, "through")
    assert reader.communicate(timeout=60)[0] == "through\n"
    assert pipe.is_fifo() and [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_lines_are_appended_all_or_none(tmp_path):
    path = tmp_path / "lines"
    append_whole(path, b"a\n")
    path.write_bytes(b"x" * 500)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            append_whole(path, b"y" * 400)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"x" * 500
    append_whole(path, b"y\n")
    assert path.read_bytes() == b"x" * 500 + b"\ny\n"


def test_what_is_no_file_is_written_to_as_it_stands(tmp_path):
    """As /dev/stdout and /dev/null are."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    write_whole(pipe, "all of it")
    assert reader.communicate(timeout=20)[0] == "all of it" and pipe.is_fifo()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path, "x")


@pytest.mark.parametrize("name", ["request.json", "other.json"])
def test_a_folder_is_of_one_request(tmp_path, name):
    folder = tmp_path / "out"
    claim(folder, {"rows": (1, 2), "model": None}, name)
    claim(folder, {"model": None, "rows": [1, 2]}, name)
    for other in ({"rows": [1, 2], "model": "a"}, {"rows": [1, 2], "model": None, "more": 1}):
        with pytest.raises(ValueError, match=r"out was begun with other settings \((model|more)\)"):
            claim(folder, other, name)
    with pytest.raises(ValueError, match=r"settings \(model, rows\)"):
        claim(folder, {"model": 1}, name)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"7", b"null", b"\xff", b"[" * 100_000])
def test_a_damaged_request_is_named(tmp_path, damage):
    claim(tmp_path, {"rows": 1})
    (tmp_path / "request.json").write_bytes(damage)
    with pytest.raises(ValueError, match=r"request\.json is damaged"):
        claim(tmp_path, {"rows": 1})


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    check_owner(tmp_path / "new", "mine.json")
    with alone_in(tmp_path / "a"):
        check_owner(tmp_path / "a", "mine.json")
    (tmp_path / "b.txt").write_text("b")
    with pytest.raises(ValueError, match=r"b\.txt is a file"):
        check_owner(tmp_path / "b.txt", "mine.json")
    with pytest.raises(ValueError, match=r"is not empty, and has no mine\.json"):
        check_owner(tmp_path, "mine.json")
    (tmp_path / "mine.json").write_text("{}")
    check_owner(tmp_path, "mine.json")
