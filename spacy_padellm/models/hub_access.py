"""Files of the Hub. A load asks once whether the Hub answers: where it does not, downloaded files
are read at once, and nobody waits for the retries that every file would have."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..logs import first_line
from .load_turn import load_turn

logger = logging.getLogger(__name__)
# Any model has one of them.
_USUAL = ("config.json", "adapter_config.json", "padellm.json", "tokenizer.json")


@dataclass
class _Access:
    """reason: why the Hub is not reached; empty where it is, or was not asked yet."""

    asked: bool = False
    reason: str = ""


_now: _Access | None = None


class NotOnHubError(ValueError):
    """No such model or revision on the Hub, or, where it is not reached, among downloaded ones."""

    def __init__(self, message: str, reached: bool = True) -> None:
        super().__init__(message)
        self.reached = reached


@contextlib.contextmanager
def hub_or_downloads() -> Iterator[None]:
    """Around a load: in it the Hub is asked once at most, and `huggingface_hub` is offline where
    there was no answer. Implies `load_turn`. As a decorator, too."""
    from huggingface_hub import constants

    global _now
    with load_turn():
        if _now is not None:
            yield
            return
        before = constants.HF_HUB_OFFLINE
        _now = _Access()
        try:
            yield
        finally:
            _now = None
            constants.HF_HUB_OFFLINE = before


def hub_file(repo: str, name: str, revision: str | None) -> Path | None:
    """A file of a model, downloaded if need be; None where the model has no such file.

    Raises NotOnHubError where there is no such model, or no way to it.
    """
    from huggingface_hub import errors, hf_hub_download
    from huggingface_hub.utils import validate_repo_id

    with hub_or_downloads():
        try:
            validate_repo_id(repo)
        except errors.HFValidationError as error:
            raise NotOnHubError(f"it is no Hub id ({first_line(error)})") from error
        reason = _ask(repo)
        try:
            return Path(hf_hub_download(repo, name, revision=revision))
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
        except OSError:
            pass  # no such file; or loading the model itself says what is wrong
        except errors.EntryNotFoundError:
            pass
        if reason and not _is_downloaded(repo, revision):
            what = f"revision {revision!r} of it" if revision else "it"
            raise NotOnHubError(f"{what} was not downloaded before, and {reason}", reached=False)
        return None


def _ask(repo: str) -> str:
    """Why the Hub is not reached; empty where it is. One request without retries, in a load."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session

    assert _now is not None
    if _now.asked:
        return _now.reason
    _now.asked = True
    if constants.HF_HUB_OFFLINE:
        _now.reason = "HF_HUB_OFFLINE is set"
        return _now.reason
    try:  # any answer will do
        url = hf_hub_url(repo, _USUAL[0])
        get_session().head(url, headers=build_hf_headers(), timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # whichever HTTP client huggingface_hub has
        _now.reason = f"the Hub is not reached ({first_line(error)})"
        constants.HF_HUB_OFFLINE = True
        if _is_downloaded(repo, None):
            logger.warning("%s: what was downloaded of %s before is used", _now.reason, repo)
    return _now.reason


def _is_downloaded(repo: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repo, name, revision=revision) for name in _USUAL)
    return any(isinstance(path, str) for path in found)
