"""The wheel that users install holds everything that the package needs at run time, and the files
around the package say what is so."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest
import spacy
import yaml
from dist_contents import (
    WrongContentsError,
    check_committed,
    check_multilingual,
    check_pipeline,
    check_wheel,
)
from dist_pipeline import RESULTS, about
from packaging.requirements import Requirement
from packaging.version import Version

from spacy_padellm import __version__

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8")


def build_wheel(source, output):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", output, source], check=True, timeout=300)
    (wheel,) = output.glob("*.whl")
    return wheel


def test_the_wheel_has_the_model_in_the_box(tmp_path):
    source = tmp_path / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for name in ("spacy_padellm", "LICENSES"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    left = source / "spacy_padellm" / "models" / "__pycache__" / "left.cpython-311.pyc"
    left.parent.mkdir()
    left.write_bytes(b"of an earlier run")
    (source / ".gitignore").write_text("__pycache__/\n*.egg-info/\nbuild/\n")
    wheel = build_wheel(source, tmp_path)
    git = partial(subprocess.run, cwd=source, check=True)
    git(["git", "init", "-q"])
    git(["git", "add", "."])
    check_wheel(wheel, source)
    with pytest.raises(WrongContentsError, match=r"commit or remove first: .*extras\.py"):
        check_committed(source)
    git(["git", "rm", "-q", "--cached", "spacy_padellm/extras.py"])
    with pytest.raises(WrongContentsError, match=r"has \S*extras\.py"):
        check_wheel(wheel, source)
    git(["git", "add", "."])
    (source / "spacy_padellm" / "later.py").touch()
    git(["git", "add", "."])
    (source / "spacy_padellm" / "later.py").unlink()
    with pytest.raises(WrongContentsError, match=r"lacks \S*later\.py"):
        check_wheel(wheel, source)
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "spacy_padellm"
    needed = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {str(path.relative_to(ROOT)) for path in needed} <= names
    assert "spacy_padellm/models/english/model.safetensors" in names
    assert "spacy_padellm/models/english_smollm2/adapter_model.safetensors" in names
    sizes = {"english": 0, "english_any": 0, "english_smollm2": 0}
    for info in zipfile.ZipFile(wheel).infolist():
        for folder in sizes:
            if info.filename.startswith(f"spacy_padellm/models/{folder}/"):
                sizes[folder] += info.file_size
    assert 0 < sizes["english"] <= 25e6 and 0 < sizes["english_any"] <= 25e3
    assert 0 < sizes["english_smollm2"] <= 10e6


@pytest.mark.slow  # `make dist` does the same with what it publishes
def test_the_pipeline_package_names_the_model_in_the_box(tmp_path):
    said = about()
    (required,) = map(Requirement, said["requirements"])
    assert required.name == "spacy-padellm" and __version__ in required.specifier
    major, minor = Version(__version__).release[:2]
    assert f"{major}.{minor + 1}.0" not in required.specifier
    scores = json.loads(RESULTS.read_text())["results"]["padellm_ner"]
    assert said["performance"]["ents_f"] == scores["uner_ewt"]["ents_f"]
    assert said["performance"]["ents_f_wikigold"] == scores["wikigold"]["ents_f"]
    assert set(said["performance"]["ents_per_type"]) == {"PER", "ORG", "LOC"}
    command = [sys.executable, ROOT / "scripts" / "dist_pipeline.py", tmp_path / "made"]
    subprocess.run(command, check=True, timeout=300)
    (source,) = (tmp_path / "made").iterdir()
    wheel = build_wheel(source, tmp_path)
    check_pipeline(wheel)
    assert wheel.name == f"en_padellm_sm-{__version__}-py3-none-any.whl"
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    nlp = spacy.load(tmp_path / "installed" / "en_padellm_sm" / source.name)
    assert [ent.text for ent in nlp("Angela Merkel came to Brussels.").ents] == [
        "Angela Merkel",
        "Brussels",
    ]
    assert nlp.meta["labels"]["padellm_ner"] == ["PER", "ORG", "LOC"]


@pytest.mark.skipif(not (ROOT / "multilingual").exists(), reason="an sdist does not have it")
def test_the_multilingual_model_is_a_package_of_its_own(tmp_path):
    source = shutil.copytree(
        ROOT / "multilingual",
        tmp_path / "source",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"),
    )
    wheel = build_wheel(source, tmp_path)
    check_multilingual(wheel, source)
    assert wheel.name == f"spacy_padellm_multilingual-{__version__}-py3-none-any.whl"
    (source / "spacy_padellm_multilingual" / "model" / "later.json").touch()
    with pytest.raises(WrongContentsError, match=r"lacks \S*later\.json"):
        check_multilingual(wheel, source)
    required = Requirement(f"spacy-padellm=={__version__}").specifier
    (needs,) = (
        Requirement(line.removeprefix("Requires-Dist: "))
        for line in zipfile.ZipFile(wheel)
        .read(f"spacy_padellm_multilingual-{__version__}.dist-info/METADATA")
        .decode()
        .splitlines()
        if line.startswith("Requires-Dist: ")
    )
    assert needs.name == "spacy-padellm" and needs.extras == {"gemma3"}
    assert all(said.version in needs.specifier for said in required)


def test_one_version_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)$", changes, re.M)
    assert (cited["version"], str(cited["date-released"])) == released[0]
    assert cited["version"] == __version__


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
def test_the_guide_for_contributors_says_what_is_so():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    rows = re.findall(r"^\| \d \| (.*?) \|", GUIDE, re.M)
    shown = [set(re.findall(r"`(\w+)(?:/|\.py)`", row)) for row in rows]
    (layers,) = (c["layers"] for c in project["tool"]["importlinter"]["contracts"] if "layers" in c)
    assert shown == [set(layer.split(" | ")) for layer in layers]
    for name in re.findall(r"`([\w/]+(?:/|\.py|\.md))`", GUIDE):
        if name not in ("formats/NAME.py", "dist/"):  # yours, and what `make dist` makes
            assert (ROOT / name).exists() or (ROOT / "spacy_padellm" / name).exists(), name
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    for words in re.findall(r"`make ([a-z -]+)`|^make ([a-z-]+)", GUIDE, re.M):
        assert set(" ".join(words).split()) <= {*targets}, words


def test_the_ranges_admit_what_the_tests_install():
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        pinned[name.lower().replace("_", "-")] = version
    for line in map(Requirement, metadata.requires("spacy-padellm")):
        if version := pinned.get(line.name.lower().replace("_", "-")):
            assert version in line.specifier, line
