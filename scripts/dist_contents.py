"""What the archives of a release hold: all that they need, and nothing else."""

import re
import subprocess
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

PACKAGE = "spacy_padellm"
MOST_BYTES = 36e6  # of the wheel, most of them models
MOST_OF_ADAPTER = 10e6  # of a package that has one alone
_BESIDE = ("LICENSE.md", "README.md", "padellm.json", "pointers.safetensors")
_WHOLE = (*_BESIDE, "model.safetensors", "model.onnx", "onnx.json", "words.onnx", "tokenizer.json")
_REFERENCE = ("LICENSE.md", "README.md", "padellm.json")
_ADAPTER = (*_BESIDE, "adapter_model.safetensors", "adapter_config.json")
_GEMMA = ("NOTICE", "GEMMA_TERMS.txt")
MODELS = {"english": _WHOLE, "english_any": _REFERENCE, "english_smollm2": _ADAPTER}
HIDDEN = re.compile(r"(^|/)(__pycache__|\.[^/]+)/|\.py[co]$|(^|/)\.")
NEVER = re.compile(rf"(^|/)(tests?|benchmarks)/|{HIDDEN.pattern}")  # of a wheel
# What README's commands, and those who build packages of their own, need of the source.
SOURCES = ("Makefile", "Dockerfile", "compose.yaml", "project.yml", "scripts/dist.py", "tests")


class WrongContentsError(SystemExit):
    """An archive lacks something, or has what is not to be published."""


def check_wheel(wheel: Path, root: Path) -> None:
    """The files of the package that git knows, the licences, and metadata that say so. root: of the
    source tree. Raises WrongContentsError."""
    names, meta = read_wheel(wheel)
    tracked = tracked_files(root, PACKAGE)
    packed = {name for name in names if ".dist-info/" not in name}
    _agree(wheel, packed, tracked)
    licenses = {
        "LICENSE",
        "LICENSES/Apache-2.0.txt",
        *(name for name in tracked if Path(name).name.startswith("LICENSE")),
    }
    for license in licenses:
        if not any(name.endswith(f".dist-info/licenses/{license}") for name in names):
            raise WrongContentsError(f"{wheel.name} lacks the licence {license}")
    if meta["License-Expression"] != "MIT AND CC-BY-SA-4.0":
        raise WrongContentsError(f"{wheel.name}: its licence is {meta['License-Expression']}")
    needed = {f"{PACKAGE}/models/{of}/{name}" for of, names in MODELS.items() for name in names}
    if missing := needed - packed:
        raise WrongContentsError(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    if wheel.stat().st_size > MOST_BYTES:
        raise WrongContentsError(f"{wheel.name} has more than {MOST_BYTES / 1e6:.0f} MB")
    print(f"{wheel.name}: {len(packed)} files, as in git; {len(licenses)} licences")


def check_sdist(sdist: Path, root: Path) -> None:
    """The package, what a wheel is made of, and `SOURCES`. Raises WrongContentsError."""
    with tarfile.open(sdist) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    needed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", *SOURCES}
    names |= {name.partition("/")[0] for name in names}  # folders, too
    if missing := sorted(needed - names):
        raise WrongContentsError(f"{sdist.name} lacks {', '.join(missing)}")
    packed = {name for name in names if name.startswith(f"{PACKAGE}/")}
    _agree(sdist, packed, tracked_files(root, PACKAGE))
    _nothing_else(sdist, names, HIDDEN)
    if sdist.stat().st_size > MOST_BYTES:
        raise WrongContentsError(f"{sdist.name} has more than {MOST_BYTES / 1e6:.0f} MB")
    print(f"{sdist.name}: {len(names)} files")


def check_pipeline(wheel: Path) -> None:
    """A pipeline that names the model in the box: its own files are small. Raises
    WrongContentsError."""
    names, meta = read_wheel(wheel)
    _nothing_else(wheel, names)
    if any(name.endswith((".safetensors", ".onnx")) for name in names):
        raise WrongContentsError(f"{wheel.name} has weights of its own")
    if meta["License"] != "CC-BY-SA-4.0" or not any("licenses/LICENSE" in name for name in names):
        raise WrongContentsError(f"{wheel.name} lacks its licence: {meta['License']}")
    requires = meta.get_all("Requires-Dist") or []
    if [re.split(r"[^\w-]", line)[0] for line in requires] != ["spacy-padellm"]:
        raise WrongContentsError(f"{wheel.name} requires {requires}, not spacy-padellm alone")
    print(f"{wheel.name}: {len(names)} files; requires {requires[0]}")


def check_multilingual(wheel: Path, root: Path) -> None:
    """The adapter, with the notice and the terms that go with whatever is made of Gemma. root: of
    its source. Raises WrongContentsError."""
    names, meta = read_wheel(wheel)
    _nothing_else(wheel, names)
    files = (p for p in (root / "spacy_padellm_multilingual").rglob("*") if p.is_file())
    known = {path.relative_to(root).as_posix() for path in files}
    packed = {name for name in names if ".dist-info/" not in name}
    _agree(wheel, packed, {name for name in known if not HIDDEN.search(name)})
    needed = {f"spacy_padellm_multilingual/model/{name}" for name in (*_GEMMA, *_ADAPTER[2:])}
    if missing := needed - packed:
        raise WrongContentsError(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    for name in _GEMMA:
        if not any(".dist-info/licenses/" in path and path.endswith(name) for path in names):
            raise WrongContentsError(f"{wheel.name} lacks the licence {name}")
    if wheel.stat().st_size > MOST_OF_ADAPTER:
        raise WrongContentsError(f"{wheel.name} has more than {MOST_OF_ADAPTER / 1e6:.0f} MB")
    print(f"{wheel.name}: {len(names)} files; {meta['License-Expression']}")


def read_wheel(wheel: Path) -> tuple[set[str], Message]:
    """The names of its files, and its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (meta,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        return names, message_from_string(archive.read(meta).decode("utf8"))


def tracked_files(root: Path, folder: str) -> set[str]:
    """Those below the folder that git knows."""
    return set(_git(root, "ls-files", "-z", folder).split("\0")) - {""}


def check_committed(root: Path) -> None:
    """Raises WrongContentsError where the source tree is not what git has."""
    if changed := _git(root, "status", "--porcelain").splitlines():
        raise WrongContentsError(f"commit or remove first: {', '.join(changed)}")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def _agree(archive: Path, packed: set[str], tracked: set[str]) -> None:
    if missing := sorted(tracked - packed):
        raise WrongContentsError(f"{archive.name} lacks {', '.join(missing)}")
    if surplus := sorted(packed - tracked):
        raise WrongContentsError(
            f"{archive.name} has {', '.join(surplus)}: add them to git, or remove them"
        )


def _nothing_else(archive: Path, names: set[str], never: re.Pattern[str] = NEVER) -> None:
    if surplus := sorted(name for name in names if never.search(name)):
        raise WrongContentsError(f"{archive.name} has {', '.join(surplus)}")
