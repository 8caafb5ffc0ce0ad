"""How a server ends: its exit codes, and what a second Ctrl-C cuts."""

import signal
import time

import pytest

from serving.doors import Client, request_of, running, serving
from serving.test_process import STUCK, TEXT

PATIENT = STUCK.replace("stop_timeout=1", "stop_timeout=60")


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)], ids=["TERM", "INT"]
)
def test_the_exit_code_says_how_it_ended(trained_folder, how, code):
    """-15 is what a shell calls 143."""
    with serving(trained_folder, "--drain", "0") as server:
        assert Client(server.port, request_of({"text": TEXT})).answer() == "200"
        said = server.stop(how)
    assert server.process.returncode == code, said
    assert "1 requests were accepted, and 1 answered" in said and "Traceback" not in said


def test_a_second_ctrl_c_cuts_what_is_left(trained_folder):
    with running("-c", PATIENT, str(trained_folder), "PORT") as server:
        stuck = Client(server.port, request_of({"text": "Sleep."}))
        time.sleep(1)  # it is being read
        server.process.send_signal(signal.SIGINT)
        time.sleep(2)
        assert server.process.poll() is None  # it waits for the request
        began = time.monotonic()
        said = server.stop(signal.SIGINT)
        assert time.monotonic() - began < 10 and server.process.returncode == 1, said
        assert stuck.answer() in ("", "reset")
    assert "1 requests were accepted, and 0 answered" in said
    assert "1 for want of time" in said and "Traceback" not in said
