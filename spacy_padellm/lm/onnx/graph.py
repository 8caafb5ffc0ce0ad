"""An ONNX graph that runs, with threads that a forked process does not wait for."""

import ctypes
import math
import multiprocessing.process
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from ..locks import ForkLock

if os.environ["ORT_DISABLE_TELEMETRY"] not in ("", "0"):
    ort.disable_telemetry_events()  # where another package has imported it before
_ERRORS_ONLY = 3
CPU_SHARE = Path("/sys/fs/cgroup/cpu.max")  # of a container, on Linux
EDITION = "padellm_edition"  # of a graph's metadata: which export it is of
_AGAIN = "load the model again, before processes are started that share it"
_first_process = os.getpid()
_graphs: "weakref.WeakSet[Graph]" = weakref.WeakSet()


def default_threads() -> int:
    """`OMP_NUM_THREADS` where it is set, else the cores that this process may run on, or as much of
    them as its container may use; one in a process that another has forked or spawned, beside which
    others run."""
    given = os.environ.get("OMP_NUM_THREADS", "").strip()
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if os.getpid() != _first_process or multiprocessing.process.parent_process() is not None:
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores, _quota() or cores)


def _quota() -> int | None:
    """Cores that a container's share of time is worth, such as that of `docker run --cpus 2`: more
    threads would only be stopped (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""
    try:
        share, period = CPU_SHARE.read_text().split()
        return max(1, math.ceil(int(share) / int(period)))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = default_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin while they wait take the core from whoever else would work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights that are stored in 8 bits become floats when a graph is read; onnxruntime would leave
    # that to each pass, for devices that compute with the 8 bits.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return options


class Graph:
    """path: of the ONNX file; weights that it names as byte ranges are in files beside it. keeps:
    what must live as long as the graph, such as a temporary folder. edition: of the export that it
    was read from; "" for one that does not say.

    Each process opens the file anew. Raises what onnxruntime raises for a file that is none, or
    broken, and ValueError where it is of another export by then.
    """

    def __init__(self, path: Path, keeps: Any = None, edition: str | None = None) -> None:
        self.path = path
        self.keeps = keeps
        self.edition = edition
        self._lock = ForkLock()
        self._sessions: dict[int, ort.InferenceSession] = {}  # by process
        _graphs.add(self)
        self.inputs = frozenset(one.name for one in self._session().get_inputs())

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Several threads may run it at once. Raises MemoryError where memory runs out."""
        try:
            return self._session().run(list(outputs), dict(feeds))
        except Exception as error:  # onnxruntime has classes of its own, and none for this
            if "allocate memory" in str(error) or "bad_alloc" in str(error):
                raise MemoryError(str(error)) from error
            raise

    def __deepcopy__(self, _known: Any) -> "Graph":
        """Nothing of it changes."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy reads the file again."""
        return Graph, (self.path, self.keeps, self.edition)

    def _session(self) -> ort.InferenceSession:
        process = os.getpid()
        found = self._sessions.get(process)
        if found is None:
            with self._lock:
                found = self._sessions.get(process) or self._open()
                self._sessions[process] = found
        return found

    def _open(self) -> ort.InferenceSession:
        try:
            before = os.stat(self.path)
        except FileNotFoundError as error:
            if self.edition is None:
                raise
            raise ValueError(f"{self.path} is gone since the model was read: {_AGAIN}") from error
        path, options = str(self.path), session_options()
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        edition = session.get_modelmeta().custom_metadata_map.get(EDITION, "")
        if self.edition is None:
            self.edition = edition
        # Its weights are opened after it: they are of the same export if it is still in its place.
        elif edition != self.edition or not os.path.samestat(before, os.stat(self.path)):
            raise ValueError(
                f"{self.path} was replaced by that of another export since the model was read: "
                f"{_AGAIN}"
            )
        return session


def _keep_inherited() -> None:
    """In a forked process, at once: the sessions of its parent are never ended there, not even when
    it exits. That would be to wait for threads that are not there
    (https://github.com/microsoft/onnxruntime/pull/31961)."""
    for graph in _graphs:
        for session in graph._sessions.values():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_inherited)
