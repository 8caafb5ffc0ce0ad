"""One prepared folder for one content, whoever asks for it, and in how many processes."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from huggingface_hub import constants

from ...atomic import alone_in, whole_folder, write_whole
from ...extras import need
from ...logs import first_line
from ..named.named_model import NamedModel
from ..place import ModelPlace
from .content import digest_files

logger = logging.getLogger(__name__)
CACHE_VARIABLE = "SPACY_PADELLM_CACHE"
ENCODER_FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.txt",
)  # fmt: skip
_FORMAT = 1  # of what is made here; another makes all folders anew
_MADE = "prepared.json"  # written last: all files of the folder, with their sizes
_LONGEST_WAIT = 3_600  # seconds for another process that prepares the same model
_MOST_TRIES = 3  # of a model whose files are written to meanwhile


def prepare(place: ModelPlace) -> ModelPlace:
    """The place with its folder, which is made where it is not in the cache yet; a place that has
    one, or is on the Hub, as it is. Raises ValueError for a file that cannot be read, is of an
    architecture that transformers cannot read, or is written to all the while, where a package is
    missing, and where there is no room."""
    named = place.named
    if named is None or place.folder is not None:
        return place
    cache = cache_folder()
    need("gguf" if named.is_gguf else "torch", place.described)
    if named.is_gguf:
        from .gguf_file import check_gguf  # torch takes seconds to import, which most need not wait

        check_gguf(named.files, place.described)
    try:
        folder = _find_or_make(place, named, cache)
    except OSError as error:
        raise ValueError(
            f"{place.described} cannot be prepared in {cache} ({first_line(error)}): set the "
            f"environment variable {CACHE_VARIABLE} to a folder that can be written to and has room"
        ) from error
    return replace(place, folder=folder)


def cache_folder() -> Path:
    """`SPACY_PADELLM_CACHE`, or a folder among the assets of the Hugging Face cache. Raises
    ValueError for the home of a user who is not known."""
    if given := os.environ.get(CACHE_VARIABLE, "").strip():
        try:
            return Path(given).expanduser().absolute()
        except RuntimeError:
            raise ValueError(
                f"the environment variable {CACHE_VARIABLE} is {given!r}, and there is no such "
                f"home folder: give an absolute path"
            ) from None
    return Path(constants.HF_ASSETS_CACHE) / "spacy_padellm"


class _ChangedError(Exception):
    """The content is another than that by whose key the folder is found."""


def _find_or_make(place: ModelPlace, named: NamedModel, cache: Path) -> Path:
    """Raises ValueError as `prepare`, and OSError for what cannot be read or written."""
    for _ in range(_MOST_TRIES):
        folder = cache / _key(named, cache) / "model"
        if _is_whole(folder):
            return folder
        try:
            with alone_in(folder.parent, wait=_LONGEST_WAIT):
                if not _is_whole(folder):  # another process may have made it meanwhile
                    _make(place, named, folder, cache)
            return folder
        except _ChangedError:
            logger.warning("%s was written to while it was prepared", place.described)
    raise ValueError(
        f"{place.described} was written to {_MOST_TRIES} times while it was prepared: load it "
        f"again when nobody writes there"
    )


def _make(place: ModelPlace, named: NamedModel, folder: Path, cache: Path) -> None:
    """Raises `_ChangedError` where it may have been made of other content than the key says, be it
    that files were replaced while it waited for another process."""

    def has_changed() -> bool:
        return _key(named, cache) != folder.parent.name

    logger.info("preparing %s for its first use, in %s", place.described, folder)
    with whole_folder(folder) as fresh:
        try:
            _maker(named)(_content_files(named), fresh, place.described)
        except ValueError as error:
            if has_changed():  # it was read half written
                raise _ChangedError from error
            raise
        if has_changed():
            raise _ChangedError
        _write_made(fresh, place.name)


def _content_files(named: NamedModel) -> tuple[Path, ...]:
    if named.is_gguf:
        return named.files
    return tuple(path for name in ENCODER_FILES if (path := named.files[0] / name).is_file())


def _maker(named: NamedModel) -> Callable[[tuple[Path, ...], Path, str], None]:
    if named.is_gguf:
        from .gguf_file import dequantize

        return dequantize
    from .encoder import make_causal

    return make_causal


def _key(named: NamedModel, cache: Path) -> str:
    """Of the content and of what reads it: another release may read it in another way. A GGUF file
    is the same one whatever it is called; what a file of an encoder means, its name says."""
    files = _content_files(named)
    kind, packages = "encoder", ["transformers"]
    content: str | dict[str, str]
    if named.is_gguf:
        kind, packages = "gguf", ["transformers", "gguf"]
        content = digest_files(files, cache)
    else:
        content = {path.name: digest_files((path,), cache) for path in files}
    versions = [metadata.version(package) for package in packages]
    key = json.dumps([_FORMAT, kind, versions, content])
    return f"{kind}-{sha256(key.encode()).hexdigest()[:24]}"


def _write_made(folder: Path, name: str) -> None:
    """name: of the model, for whoever finds the folder."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    write_whole(folder / _MADE, json.dumps({"made_of": name, "files": sizes}, indent=1) + "\n")


def _is_whole(folder: Path) -> bool:
    """Whether it has all its files: some tidy caches by age, file by file."""
    try:
        sizes = json.loads((folder / _MADE).read_text(encoding="utf8"))["files"]
        return bool(sizes) and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
