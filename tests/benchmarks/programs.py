"""Programs of the benchmarks, and texts for them."""

import importlib.util
import sys
from pathlib import Path

from spacy_padellm.formats.json_records import write_records

from .trips import sentence

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def program(name):
    """As a module; by its path, since some are called as folders of tests are."""
    spec = importlib.util.spec_from_file_location(f"program_{name}", BENCHMARKS / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_trips(path, n, first=0):
    write_records(path, map(sentence, range(first, first + n)))
    return path


def refused(main, capsys, *words):
    """What a program says that does not take what it is given."""
    try:
        main([str(word) for word in words])
    except SystemExit as error:
        assert error.code == 2
        return " ".join(capsys.readouterr().err.split())
    raise AssertionError("it took it")
