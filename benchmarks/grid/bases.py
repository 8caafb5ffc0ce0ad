"""Which edition of a base it is: digests of its files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from spacy_padellm.models.named.lookup import find_named
from spacy_padellm.models.prepared.content import digest_files
from spacy_padellm.models.prepared.prepare import cache_folder

_WEIGHTS = (".safetensors", ".bin", ".gguf")  # the first that a folder has


def digest_file(path: Path) -> str:
    """Of what is in it; 8 hex digits. Remembered as long as the file stays as it is."""
    return digest_files((path,), cache_folder())[:8]


def digest_folder(folder: Path) -> str:
    """Of the files of a model: another edition under the same name is another model."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    suffixes = {path.suffix for path in files}
    read = {".json", *[suffix for suffix in _WEIGHTS if suffix in suffixes][:1]}
    found = hashlib.sha256()
    for path in files:
        if path.suffix in read:
            found.update(f"{path.name} {digest_file(path)} ".encode())
    return found.hexdigest()[:8]


def digest_base(base: str) -> str | None:
    """Of a folder, a file, or a model of a package; 8 hex digits. None for what is none of these,
    such as an id of the Hub. Raises NotInstalledError for a package that is missing."""
    path = Path(base)
    if path.is_dir():
        return digest_folder(path)
    if path.is_file():
        return _digest_all([path])
    named = find_named(base)
    if named is None:
        return None
    if named.files[0].is_dir():
        return digest_folder(named.files[0])
    return _digest_all(named.files)


def _digest_all(files: Iterable[Path]) -> str:
    return hashlib.sha256(" ".join(map(digest_file, files)).encode()).hexdigest()[:8]
