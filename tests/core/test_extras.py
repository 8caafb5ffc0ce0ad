"""Packages that are missing or too old, and the table of extras."""

import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spacy_padellm import extras
from spacy_padellm.extras import EXTRAS, NotInstalledError, has, need
from spacy_padellm.models.hardware import Hardware

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def packages(extra, declared):
    for required in map(Requirement, declared[extra]):
        if canonicalize_name(required.name) == extras.PROJECT:
            for other in required.extras:
                yield from packages(other, declared)
        else:
            yield canonicalize_name(required.name)


def test_the_table_is_what_the_project_declares():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads(PROJECT.read_text(encoding="utf8"))["project"]
    declared = project["optional-dependencies"]
    for extra, names in EXTRAS.items():
        assert set(names) == set(packages(extra, declared)), extra
    always = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert not always.intersection(packages("torch", declared))
    assert set(packages("dev", declared)) >= {*EXTRAS["export"], *EXTRAS["serve"]}


def test_a_package_that_others_have_brought_may_be_too_old(monkeypatch):
    versions = {"transformers": "4.57.1"}
    real = metadata.version
    assert has("torch")
    monkeypatch.setattr(extras.metadata, "version", lambda name: versions.get(name) or real(name))
    assert not has("torch")
    with pytest.raises(NotInstalledError) as error:
        need("torch", "training")
    assert str(error.value).startswith("training needs transformers>=5")
    assert "(4.57.1 is installed): pip install 'spacy-padellm[torch]'" in str(error.value)
    versions["transformers"] = "no version"
    assert has("torch")  # nothing says that it is too old


def test_what_another_extra_asks_for_is_no_matter_here(monkeypatch):
    """`gguf` takes a newer transformers than `torch` does."""
    lines = [
        'transformers>=5.0; extra == "torch"',
        'transformers>=5.17; extra == "gguf"',
        "pyarrow>=15; extra == 'parquet'",
    ]
    real, found = metadata.version, {"transformers": "5.16.1"}
    monkeypatch.setattr(extras.metadata, "requires", lambda name: lines)
    monkeypatch.setattr(extras.metadata, "version", lambda name: found.get(name) or real(name))
    monkeypatch.setitem(EXTRAS, "gguf", EXTRAS["torch"])  # gguf itself may be missing here
    assert has("torch") and has("export")
    with pytest.raises(NotInstalledError, match=r"transformers>=5\.17 \(5\.16\.1 is"):
        need("gguf", "a GGUF file")
    found["transformers"] = "4.57"
    assert not has("export")


def test_requirements_are_read_once_for_all_threads(monkeypatch):
    """Python 3.11 may fail where several threads read literals, as markers have them."""
    lines = ['transformers>=5.0; extra == "torch"', f'reads-once>={time.time()}; extra == "torch"']
    read = []

    def parse(line):
        read.append(line)
        return Requirement(line)

    monkeypatch.setattr(extras.metadata, "requires", lambda name: lines)
    monkeypatch.setattr(extras, "Requirement", parse)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(has, ["torch"] * 32))
    assert read == lines


def test_an_exported_model_runs_beside_a_torch_that_is_too_old(monkeypatch):
    monkeypatch.setattr("spacy_padellm.models.hardware._DRIVERS", (str(PROJECT),))
    monkeypatch.setattr("spacy_padellm.models.hardware.Hardware._is_on_cpu", lambda self: False)
    assert not Hardware().takes_onnx
    monkeypatch.setattr(extras.metadata, "version", lambda name: "0.1")
    assert Hardware().takes_onnx
