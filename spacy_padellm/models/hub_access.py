"""Files of the Hub. A load asks once whether the Hub answers: where it does not, downloaded files
are read at once, and nobody waits for the retries that every file would have."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..logs import first_line

logger = logging.getLogger(__name__)
_SETTINGS = "padellm.json"
# Any model has one of them.
_USUAL = ("config.json", "adapter_config.json", _SETTINGS, "tokenizer.json")
_WHOLE = ".gitattributes"  # comes with whole repositories only, and is in all of them


@dataclass
class _Access:
    """reason: why the Hub is not reached, "" where it is; None where it was not asked yet. files:
    found so far, by model, revision and name. commits: by model and revision."""

    reason: str | None = None
    files: dict[tuple[str, str | None, str], Path | None] = field(default_factory=dict)
    commits: dict[tuple[str, str | None], str] = field(default_factory=dict)


_this_thread = threading.local()  # now: the `_Access` of its load


class NotOnHubError(ValueError):
    """No such model or revision on the Hub, or, where it is not reached, among downloaded ones."""

    def __init__(self, message: str, reached: bool = True) -> None:
        super().__init__(message)
        self.reached = reached


@contextlib.contextmanager
def hub_or_downloads() -> Iterator[None]:
    """Around a load: in it the Hub is asked once at most whether it is there, and once for each
    file. As a decorator, too."""
    if getattr(_this_thread, "now", None) is not None:
        yield
        return
    _this_thread.now = _Access()
    try:
        yield
    finally:
        _this_thread.now = None


def hub_file(repo: str, name: str, revision: str | None) -> Path | None:
    """A file of a model, downloaded if need be, in the folder of its commit; None where the model
    has no such file. In a load all files are of the same commit. Raises NotOnHubError where there
    is no such model, no way to it, or no way to this file."""
    with hub_or_downloads():
        access: _Access = _this_thread.now
        key, model = (repo, revision, name), (repo, revision)
        if key not in access.files:
            path = _fetch(repo, name, access.commits.get(model, revision), revision)
            access.files[key] = path
            if path is not None:
                access.commits.setdefault(model, path.parent.name)
        return access.files[key]


def downloaded_file(repo: str, name: str, revision: str | None) -> Path | None:
    """A file of a model that was downloaded before; None for any other."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(repo, name, revision=revision)
    except ValueError:  # no id of the Hub
        return None
    return Path(found) if isinstance(found, str) else None


def _fetch(repo: str, name: str, commit: str | None, revision: str | None) -> Path | None:
    """commit: the revision, or the commit that it was found to be."""
    from huggingface_hub import errors, hf_hub_download
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except errors.HFValidationError as error:
        raise NotOnHubError(f"it is not a Hub id ({first_line(error)})") from error
    reason = _ask(repo)
    try:
        return Path(hf_hub_download(repo, name, revision=commit, local_files_only=bool(reason)))
    except errors.GatedRepoError as error:
        raise NotOnHubError(
            "the Hub gives it to those only who have asked for it on its page and are logged "
            "in (`hf auth login`)"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise NotOnHubError(
            "the Hub has no such model, or a private one (log in with `hf auth login`)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise NotOnHubError(f"the Hub has it, but no revision {revision!r}") from error
    except errors.RemoteEntryNotFoundError:
        return None
    except errors.LocalEntryNotFoundError as error:
        if not reason:
            raise _failed(name, error.__cause__ or error) from error
    except Exception as error:  # of disks, and whichever HTTP client huggingface_hub has
        raise _failed(name, error, reached=not reason) from error
    if not _is_downloaded(repo, revision):
        what = f"revision {revision!r} of it" if revision else "it"
        raise NotOnHubError(f"{what} was not downloaded before, and {reason}", reached=False)
    if name == _SETTINGS and not _is_known_missing(repo, name, commit):
        logger.warning(
            "%s, and %s of %s was not downloaded: it is taken for a model that has none, and asked "
            "in plain words; where it was trained with this package, run `hf download %s` once",
            *(reason, name, repo, repo),
        )
    return None


def _failed(name: str, error: BaseException, reached: bool = True) -> NotOnHubError:
    return NotOnHubError(
        f"{name} could not be fetched ({first_line(error)}); try again later", reached
    )


def _ask(repo: str) -> str:
    """Why the Hub is not reached; empty where it is. One request without retries, in a load."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session

    access: _Access = _this_thread.now
    if access.reason is not None:
        return access.reason
    if constants.HF_HUB_OFFLINE:
        access.reason = "HF_HUB_OFFLINE is set"
        return access.reason
    try:  # any answer will do
        url = hf_hub_url(repo, _USUAL[0])
        get_session().head(url, headers=build_hf_headers(), timeout=constants.HF_HUB_ETAG_TIMEOUT)
        access.reason = ""
    except Exception as error:  # whichever HTTP client huggingface_hub has
        access.reason = f"the Hub is not reached ({first_line(error)})"
        if _is_downloaded(repo, None):
            logger.warning("%s: what was downloaded of %s before is used", access.reason, repo)
    return access.reason


def _is_known_missing(repo: str, name: str, revision: str | None) -> bool:
    """Whether the Hub has said so, or the whole model was downloaded."""
    from huggingface_hub import try_to_load_from_cache

    said = try_to_load_from_cache(repo, name, revision=revision)
    whole = try_to_load_from_cache(repo, _WHOLE, revision=revision)
    return said is not None or isinstance(whole, str)


def _is_downloaded(repo: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repo, name, revision=revision) for name in _USUAL)
    return any(isinstance(path, str) for path in found)
