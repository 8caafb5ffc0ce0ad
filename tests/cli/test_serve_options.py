"""`padellm serve`: what is wrong with its options, in their names, before a model is loaded."""

import re
import socket

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.tools.serve.settings import ServeSettings

NUMBERS = [
    name
    for name, field in ServeSettings.__dataclass_fields__.items()
    if type(field.default) in (int, float)
]


def run(*options):
    """The exit code, and what was said in one line."""
    done = CliRunner().invoke(app, ["padellm", "serve", *map(str, options)])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def taken():
    """(host, port) where another listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, 10**12])
def test_a_number_out_of_its_range_is_named_by_its_option(name, value):
    option = "--" + name.replace("_", "-")
    code, said = run(option, value, "-p", "./no-folder")
    assert code == 1
    if value < 0 or "--pipeline is" not in said:  # some take numbers of any size
        assert f"{option} is {value}" in said.replace(".0", "").replace("e+12", "0" * 12), said
    assert not re.search(r"`|[a-z]_[a-z]", said), said


@pytest.mark.parametrize("options", [("--queue", 40), ("--queue", 500, "--max-texts", 501)])
def test_all_options_that_a_message_names(options):
    code, said = run(*options)
    assert code == 1 and f"--queue is {options[1]}" in said and "lower --max-texts" in said
    assert not re.search(r"`|[a-z]_[a-z]", said), said


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_that_is_taken(taken, host):
    code, said = run("--host", host, "--port", taken[1], "-p", "./no-folder")
    assert code == 1 and f"port {taken[1]} is taken: choose another --port" in said


@pytest.mark.parametrize("host", ["nosuch.invalid", "192.0.2.1", "x" * 300, "a..b"])
def test_a_host_that_is_not_this_machine(host):
    code, said = run("--host", host, "--port", 0, "-p", "./no-folder")
    assert code == 1 and "--host is" in said and "127.0.0.1" in said


def test_a_port_that_is_free():
    code, said = run("--port", 0, "-p", "./no-folder")
    assert code == 1 and "--pipeline is './no-folder'" in said
