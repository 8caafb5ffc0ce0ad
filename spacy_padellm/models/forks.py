"""Forked workers (`nlp.pipe(n_process=2)`): threads and accelerators do not survive a fork."""

import logging
import os
from collections.abc import Iterable

import torch

logger = logging.getLogger(__name__)


def check_fork(loaded_in: int, devices: Iterable[torch.device]) -> None:
    """Makes a fork of the process `loaded_in`, where the model was loaded, safe.

    Raises RuntimeError where the model is on an accelerator.
    """
    if os.getpid() == loaded_in:
        return
    elsewhere = [device for device in devices if device.type != "cpu"]
    if elsewhere:
        raise RuntimeError(
            f"the model is on {elsewhere[0]} and cannot be used in forked workers: "
            f"use n_process=1 (a larger batch_size keeps the device busy)"
        )
    if torch.get_num_threads() > 1:
        logger.warning(
            "process %d is a forked worker (n_process > 1): torch runs with one thread in it",
            os.getpid(),
        )
        torch.set_num_threads(1)
