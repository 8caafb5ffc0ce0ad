"""What is installed, and what of the package imports with it."""

import importlib
import importlib.util
import sys
from importlib import metadata
from pathlib import Path

import pytest
from conftest import ABSENT

from spacy_padellm import __file__ as package_file
from spacy_padellm.extras import EXTRAS, NotInstalledError, has, install_command, need

PACKAGE = Path(package_file).parent
# All others, those that are yet to be written too, import without torch.
NEED_TORCH = {
    f"spacy_padellm.{name}"
    for name in """architectures.thinc_optimizer architectures.updating learning.batch
    learning.muon learning.optimizer learning.pointing lm.attention lm.dropout lm.head
    lm.language_model lm.logit_tensor lm.older_transformers lm.passes lm.pointers lm.pointing
    lm.selfcheck lm.static_passes lm.word_encoder models.adapter_dropout models.adapters
    models.bfloat16_probe models.devices models.exported.bodies models.exported.examples
    models.exported.probing models.exported.rounded_model models.exported.write
    models.files.causal models.files.pretrained models.files.rounded models.load models.make
    models.mixed_precision models.pointer_files models.prepared.encoder
    models.prepared.gguf_file models.progress_bars models.quantization models.rounded_files
    models.save models.shared_bases models.special_tokens models.trainable
    tools.benchmark.forcing tools.export.comparing""".split()
}
TRAINING = ("spacy_padellm.training.", "spacy_padellm.tools.benchmark.autoregressive.")
NEED_OTHERS = {
    "models.exported.edition": "onnx",
    "models.exported.rounding": "onnx",
    "models.exported.rounding_at_load": "onnx",
    "models.exported.serialized": "onnx",
    "models.exported.stored_weights": "onnx",
    "spacy_llm.cache": "spacy_llm",
    "spacy_llm.task": "spacy_llm",
    "tools.analyze.page": "matplotlib",
    "tools.analyze.plots": "matplotlib",
    "tools.annotate.ray_engine": "ray",
    **{
        f"tools.serve.{name}": "fastapi"
        for name in "api app bodies errors guard json_requests page running service stop".split()
    },
    "tools.serve.connections": "uvicorn",
    "tools.serve.metrics": "prometheus_client",
}


def all_modules():
    places = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    return sorted(".".join(place.parts) for place in places if place.name[:2] != "__")


def test_all_other_modules_import_without_torch():
    for name in all_modules():
        other = NEED_OTHERS.get(name.removeprefix("spacy_padellm."))
        if other is not None and importlib.util.find_spec(other) is None:
            continue
        if not name.startswith(TRAINING) and name not in NEED_TORCH:
            importlib.import_module(name)
    assert not {name.split(".")[0] for name in sys.modules}.intersection(ABSENT)


def test_the_others_need_torch():
    for name in sorted(NEED_TORCH):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_nothing_that_the_package_requires_brings_torch():
    """All that is installed beside it, where nothing but the small installation is."""
    names = {one.metadata["Name"].lower() for one in metadata.distributions()}
    if "torch" in names:
        pytest.skip("torch is installed here, and is only kept from being imported")
    assert not names.intersection(ABSENT) and "onnxruntime" in names


def test_an_extra_that_is_missing_is_named_with_its_command():
    assert not any(map(has, ("torch", "export", "gguf", "quantize")))
    for extra in EXTRAS:
        if not has(extra):
            with pytest.raises(NotInstalledError, match=r"^this needs .* \(not installed\): pip"):
                need(extra, "this")
    with pytest.raises(NotInstalledError) as error:
        need("torch", "this", "Do without")
    assert str(error.value) == (
        "this needs torch, transformers, peft, accelerate (not installed): "
        f"{install_command('torch')}. Do without"
    )
