"""The page of the docs, the Dockerfile and the compose file say what is so."""

import re
import shlex
import signal
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from serving.doors import in_app
from spacy_padellm.cli import padellm_app
from spacy_padellm.tools.serve.errors import CODES
from spacy_padellm.tools.serve.running import heeding_sigterm
from spacy_padellm.tools.serve.settings import ServeSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf8")


def options():
    serve = get_command(padellm_app).commands["serve"]
    return {option for p in serve.params for option in p.opts if option.startswith("--")}


def test_the_page_names_every_option_error_and_metric(scripted):
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert options() - {"--help"} <= named
    rows = {int(s): row for row in PAGE.splitlines() for s in re.findall(r"\b[45]\d\d\b", row[:10])}
    for status, codes in CODES.items():
        assert all(f"`{code}`" in PAGE for code in codes) and status in rows, status
    said = in_app(scripted({})[0], lambda http, _: http.get("/metrics")).text
    for name in re.findall(r"^# TYPE (padellm_\w+) (?:counter|histogram|gauge)", said, re.M):
        if not name.endswith("_created"):
            assert f"`{name}`" in PAGE, name


def lines(instruction):
    text = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^\s*{instruction} (.*)$", text, re.M)


def test_the_image_is_small_and_its_user_is_nobody():
    assert not any("torch" in line for line in lines("RUN"))
    assert lines("STOPSIGNAL") == ["SIGTERM"] and lines("USER") == ["10001:10001"]
    assert DOCKERFILE.index("USER") > DOCKERFILE.rindex("RUN")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf8").splitlines()
    for line in lines("COPY"):
        if not line.startswith("--from"):
            for name in shlex.split(line)[:-1]:
                assert (ROOT / name).exists() and f"!{name}" in ignored, name
    (entry,), (command,) = lines("ENTRYPOINT"), lines("CMD")
    given = {word for word in yaml.safe_load(entry) + yaml.safe_load(command) if "--" in word}
    assert {"--host", "--pipeline"} <= given <= options()


def test_the_command_and_the_health_check_of_the_image_have_one_port():
    serve = get_command(padellm_app).commands["serve"]
    (port,) = (p for p in serve.params if "--port" in p.opts)
    assert lines("EXPOSE") == [str(port.default)]
    assert f" {port.envvar}={port.default}" in lines("ENV")[0]
    assert port.envvar in lines("HEALTHCHECK")[0]
    assert not any("--port" in line for line in lines("ENTRYPOINT") + lines("CMD"))
    assert f"-e {port.envvar}=" in PAGE


def test_containers_give_the_stop_its_time():
    """uvicorn waits 2 s longer than the requests have."""
    least = ServeSettings().drain + ServeSettings().stop_timeout + 2
    assert f"2 seconds, {least:g} by default" in PAGE
    for text in (PAGE, DOCKERFILE):
        (run,) = re.findall(r"docker run (.*) spacy-padellm-serve$", text, re.M)
        assert int(re.search(r"--stop-timeout (\d+)", run)[1]) > least
        assert "--init" in run and "-p 127.0.0.1:8080:8080" in run
    said = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf8"))
    service = said["services"]["padellm"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["init"] and int(service["stop_grace_period"].rstrip("s")) > least
    assert list(service["environment"]) == ["SPACY_PADELLM_API_KEY"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]


def test_the_first_process_of_a_container_ends_while_it_loads():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended, heeding_sigterm():
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
