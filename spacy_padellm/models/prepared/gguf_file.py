"""A GGUF file, as llama.cpp has models, made into a folder of transformers' with all weights in
bfloat16."""

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from ...lm.older_transformers import GgufConfig
from ...plurals import count
from ..files.pretrained import NO_CODE
from ..files.trouble import foreign
from ..loading_lock import loading_lock
from ..progress_bars import no_progress_bars
from .content import set_apart

_MAGIC = b"GGUF"
_LFS = b"vers"  # of a pointer of git-lfs
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)  # as llama.cpp names parts
_DTYPE = torch.bfloat16
_OTHER_FILES = 100_000_000  # bytes, at most: the tokenizer
_NAME = "model.gguf"
_FILE: dict[str, Any] = {"gguf_file": _NAME}


def check_gguf(files: tuple[Path, ...], described: str) -> None:
    """What is cheap to know before the file is read. Raises ValueError for what is not a GGUF file
    or a part of one."""
    try:
        with files[0].open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise ValueError(f"{described} cannot be read: {error.strerror}") from error
    if head == _LFS:
        raise ValueError(f"{described}: {files[0]} is a pointer of git-lfs: run git lfs pull")
    if head != _MAGIC:
        raise ValueError(
            f"{described}: {files[0]} is not a GGUF file, or a broken one (it does not begin with "
            f"{_MAGIC.decode()}): download it again"
        )
    part = _PART.search(files[0].name)
    if part and int(part[1]) > 1 and len(files) == 1:
        raise ValueError(
            f"{described}: {files[0].name} is one of several parts: join them with "
            f"llama-gguf-split --merge, and name the whole file"
        )


def dequantize(files: tuple[Path, ...], folder: Path, described: str) -> None:
    """Writes config, weights and tokenizer into an empty folder.

    files: one GGUF file, or parts that are one when joined. Raises ValueError for a file that is
    broken or whose architecture transformers does not read, and where the disk has no room for it.
    """
    with set_apart(files, folder, _NAME) as source, loading_lock(), no_progress_bars():
        with foreign(lambda why: _unread(described, why)):
            config, plain = _make_plain(source)
        check_room(folder, plain.num_parameters() * _DTYPE.itemsize + _OTHER_FILES, described)
        with foreign(lambda why: _unread(described, why)):
            _fill(plain, source, config)
            tokenizer = AutoTokenizer.from_pretrained(source, config=config, **_FILE, **NO_CODE)
        with foreign(lambda why: f"{described} cannot be written as a folder ({why})"):
            plain.save_pretrained(folder)
            tokenizer.save_pretrained(folder)


def check_room(folder: Path, size: int, described: str) -> None:
    """size: bytes. Raises OSError where the disk has less."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"no room on the disk: {described} takes {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB "
            f"are free"
        )


def _make_plain(source: Path) -> tuple[Any, Any]:
    """The config, and a model of it without weights yet: one that was read from a GGUF file says
    that it is quantised, and cannot be saved."""
    config = AutoConfig.from_pretrained(source, **_FILE, **NO_CODE)
    config.dtype = _DTYPE
    with torch.device("meta"):
        return config, AutoModelForCausalLM.from_config(copy.deepcopy(config), **NO_CODE)


def _fill(plain: Any, source: Path, config: Any) -> None:
    options = dict(_FILE)
    if GgufConfig is not None:  # or transformers may fetch kernels for packed weights
        options["quantization_config"] = GgufConfig(dequantize=True)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        source, config=config, dtype=_DTYPE, output_loading_info=True, **options, **NO_CODE
    )
    read, info = loaded
    if missing := sorted(info["missing_keys"]):
        raise ValueError(f"it lacks {count(len(missing), 'weight')}, such as {missing[0]}")
    plain.load_state_dict(read.state_dict(), assign=True)
    plain.tie_weights()


def _unread(described: str, why: str) -> str:
    if "not supported" in why or "Unrecognized" in why:
        return (
            f"{described} is of an architecture that transformers does not read from a GGUF file "
            f"({why}): take its original weights from the Hub, or a GGUF of a llama, qwen, gemma "
            f"or mistral"
        )
    return f"{described} is not a GGUF file that transformers can read ({why}): download it again"
