"""Latency in the output: of what settings, of which formats, of which models."""

import shutil

import pytest

from .trips import FORMATS, cell_of, records


@pytest.mark.parametrize(
    ("option", "value", "had"), [("latency-texts", 3, 2), ("rounds", 2, 1), ("threads", 2, 1)]
)
def test_other_settings_are_noticed(data, run, scripted, option, value, had):
    assert run("--keep-models")[0] == 0
    status, said = run("--keep-models")
    assert status == 0
    n = len(scripted)
    status, said = run(f"--{option}", value)
    assert status == 2 and f"latency/0 with --{option} {had}: give the same" in said
    assert run(f"--{option}", value, "--skip-latency")[0] == 0 and len(scripted) == n
    assert run(f"--{option}", value, "--again")[0] == 0 and scripted[n:] == ["measure latency"]
    assert records(data.parent)["latency"]["settings"][option] == value


def test_fewer_formats_do_not_take_the_place_of_more(data, run, scripted):
    assert run("--formats", "padellm", "structured", "--keep-models")[0] == 0
    n = len(scripted)
    assert run("--formats", "padellm")[0] == 0 and len(scripted) == n  # it is there
    for more in (["--formats", "padellm", "--again"], ["--formats", "augmented"]):
        status, said = run(*more, "--keep-models")
        assert status == 2 and "of more formats, which would be lost: add" in said
        assert "structured to --formats" in said and len(scripted) == n
    assert run("--keep-models")[0] == 0
    assert scripted[n:] == ["tune augmented", "score augmented", "measure latency"]
    assert records(data.parent)["latency"]["formats"] == sorted(FORMATS)


def test_a_model_that_is_gone_is_missed_before_anything_is_trained(data, run, scripted):
    assert run("--formats", "padellm", "--skip-latency", "--keep-models")[0] == 0
    n = len(scripted)
    shutil.rmtree(cell_of(data.parent, "padellm") / "model")
    status, said = run()
    assert status == 2 and "padellm/0 has no model any more" in said and len(scripted) == n
    assert run("--skip-latency")[0] == 0 and len(scripted) == n + 4
