"""How far the run in a folder came, and what a command for a file of texts may do with it.

A run writes `run.json`, `dev.spacy`, `config.cfg`, and then checkpoints. Whatever stops it before
the first checkpoint costs little: the next command begins anew, with the texts as they are by then.

| state    | the same command          | with --resume             |
|----------|---------------------------|---------------------------|
| NEW      | begins                    | begins                    |
| PREPARED | begins                    | begins                    |
| EDITED   | refused: edits would go   | refused: edits would go   |
| BEGUN    | refused: weights would go | goes on                   |
| OTHER    | refused: which config?    | refused: which config?    |
"""

from enum import Enum, auto

from ..checkpoints import list_checkpoints
from .folder import RunFolder
from .made_config import is_as_made


class State(Enum):
    NEW = auto()  # nothing, or a run that was stopped before it had a config
    PREPARED = auto()  # `config.cfg` as it was made, and no checkpoint
    EDITED = auto()  # `config.cfg` as somebody has changed or written it, and no checkpoint
    BEGUN = auto()  # checkpoints, of a run that may be over, and the config that it has
    OTHER = auto()  # checkpoints, and no config: of a run that was given one


def find_state(folder: RunFolder) -> State:
    """Checkpoints that were never finished are none."""
    has_config = folder.config.exists()
    if any(not checkpoint.is_cut for checkpoint in list_checkpoints(folder.checkpoints)):
        return State.BEGUN if has_config else State.OTHER
    if not has_config:
        return State.NEW
    return State.PREPARED if is_as_made(folder.config.read_bytes()) else State.EDITED


def is_to_go_on(folder: RunFolder, resume: bool) -> bool:
    """Whether a command goes on with the run in the folder; else it begins one. Raises ValueError,
    with what to do instead, where it may do neither."""
    state = find_state(folder)
    if state is State.EDITED:
        raise ValueError(
            f"{folder.config} is not as this version of `padellm train` writes it, and would be "
            f"overwritten: give another --output. To train with it, name it instead of the file of "
            f"texts; to have it made again, remove it"
        )
    if state in (State.NEW, State.PREPARED):
        return False
    if state is State.OTHER:
        raise ValueError(
            f"{folder.path} has checkpoints, but no config.cfg: to resume that run, name the "
            f"config that it was started with instead of the file of texts, or start a new run in "
            f"another --output"
        )
    if not resume:
        raise ValueError(folder.say_begun())
    return True
