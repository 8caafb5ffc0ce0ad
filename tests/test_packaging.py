"""The wheel that users install holds everything that the package needs at run time."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_has_the_model_in_the_box(tmp_path):
    source = tmp_path / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "spacy_padellm", source / "spacy_padellm")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", tmp_path, source], check=True, timeout=300)
    (wheel,) = tmp_path.glob("spacy_padellm-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "spacy_padellm"
    needed = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {str(path.relative_to(ROOT)) for path in needed} <= names
    assert "spacy_padellm/models/english/model.safetensors" in names
    assert wheel.stat().st_size < 25e6
