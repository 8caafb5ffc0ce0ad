"""Bars in terminals; in logs a line now and then, and no carriage returns."""

import io
import os
import pty
import subprocess
import sys
import termios

import pytest

from spacy_padellm import progress as progress_module
from spacy_padellm.progress import LoggedProgress, follow, progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_now_and_then(clock):
    file = io.StringIO()
    bar = LoggedProgress(200, "steps", "train", 40, file)
    bar.set_postfix(loss="0.500")
    for second in range(1, 101):
        clock[0] = float(second)
        bar.update()
    assert file.getvalue().splitlines() == [
        "train: 70 of 200 steps, 0:30 so far, about 2:10 left, loss 0.500",
        "train: 100 of 200 steps, 1:00 so far, about 1:40 left, loss 0.500",
        "train: 130 of 200 steps, 1:30 so far, about 1:10 left, loss 0.500",
    ]


def test_the_first_step_is_no_measure_of_the_others(clock):
    """It compiles, converts, reads: a run of hours was foretold days."""
    file = io.StringIO()
    bar = LoggedProgress(1_000_000, "steps", "train", file=file)
    for at in (50.0, 60.0, 90.0):
        clock[0] = at
        bar.update()
    assert file.getvalue().splitlines() == [
        "train: 1 of 1,000,000 steps, 0:50 so far",
        "train: 3 of 1,000,000 steps, 1:30 so far, about 5555:32:20 left",
    ]


def test_of_an_unknown_total_nothing_is_foretold(clock):
    file = io.StringIO()
    with LoggedProgress(None, "texts", "", file=file) as bar:
        clock[0] = 4000.0
        bar.update(1234)
    assert file.getvalue() == "1,234 texts, 1:06:40 so far\n"


@pytest.mark.parametrize("show", [True, False])
def test_short_work_leaves_no_trace_in_a_log(show, capfd):
    assert list(follow(range(5), "texts", "read", show)) == [0, 1, 2, 3, 4]
    with progress(3, "texts", show=show) as bar:
        bar.update(3)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_has_a_bar():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    code = "from spacy_padellm.progress import follow; list(follow(range(3), 'texts', 'read'))"
    subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True, timeout=120)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "\r" in shown and "3/3" in shown and "texts" in shown
