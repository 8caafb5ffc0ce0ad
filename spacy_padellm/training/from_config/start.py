"""Where a run begins, and what it must not find otherwise when it goes on."""

from dataclasses import dataclass
from pathlib import Path

from ...models.bfloat16_probe import is_cpu_fast_in_bfloat16
from ..agreement import agree
from .folder import RunFolder


@dataclass(frozen=True)
class Start:
    """The same in all processes of a run.

    checkpoint: to go on from; None where the run is new. step: after which it was written.
    fast_in_bfloat16: what the run takes the CPU for, which decides the precision of whatever is
    "auto". That is measured, when the run begins; later, or on another computer, it might be
    found otherwise, and the run would end elsewhere.
    """

    checkpoint: Path | None
    step: int
    fast_in_bfloat16: bool


def find_start(folder: RunFolder, resume: bool) -> Start:
    """Raises ValueError as `RunFolder.where_to_begin`."""

    def decide() -> tuple[str | None, int, bool]:
        checkpoint, step = folder.where_to_begin(resume)
        known = folder.fast_in_bfloat16() if checkpoint else None
        is_fast = is_cpu_fast_in_bfloat16() if known is None else known
        return str(checkpoint) if checkpoint else None, step, is_fast

    checkpoint, step, is_fast = agree(decide)
    return Start(None if checkpoint is None else Path(checkpoint), step, is_fast)
