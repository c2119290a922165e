"""Read the GPUs of this host: NVIDIA's through its management library where it is installed, AMD's from sysfs."""

import importlib
from pathlib import Path
from typing import Any

from jobmon.model import Skipped
from jobmon.telemetry.base import Gpu

MIB = 1 << 20
INSTALL_HINT = "install nvidia-ml-py beside jobmon to see its load: pip install nvidia-ml-py"


def read(proc: Path, sys: Path, skipped: list[Skipped], load_module: Any = importlib.import_module) -> dict[str, Gpu]:
    """Return the GPUs by name, NVIDIA's first; {} when there are none.

    A GPU that is there but does not tell its load has None for `util`.
    """
    found = _nvidia(proc, skipped, load_module) + _amd(sys, skipped)
    return {f"gpu{index}": gpu for index, gpu in enumerate(found)}


def _nvidia(proc: Path, skipped: list[Skipped], load_module: Any) -> list[Gpu]:
    known_to_driver = len(list((proc / "driver" / "nvidia" / "gpus").glob("*")))
    if not known_to_driver:
        return []
    try:
        nvml = load_module("pynvml")
    except ImportError:
        skipped.append(Skipped("gpus", "NVIDIA", INSTALL_HINT))
        return [Gpu(None)] * known_to_driver
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        skipped.append(Skipped("gpus", "NVIDIA", str(error)))
        return [Gpu(None)] * known_to_driver
    try:
        return [_nvidia_gpu(nvml, index, skipped) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        skipped.append(Skipped("gpus", "NVIDIA", str(error)))
        return [Gpu(None)] * known_to_driver
    finally:
        nvml.nvmlShutdown()


def _nvidia_gpu(nvml: Any, index: int, skipped: list[Skipped]) -> Gpu:
    """Return one GPU; a value that it does not support (a GPU in partitions has no load of its own) is None."""
    util = used_mb = total_mb = None
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        used_mb, total_mb = memory.used / MIB, memory.total / MIB
        util = _percent(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError as error:
        skipped.append(Skipped("gpus", f"NVIDIA {index}", str(error)))
    return Gpu(util, used_mb, total_mb)


def _amd(sys: Path, skipped: list[Skipped]) -> list[Gpu]:
    gpus = []
    for file in sorted((sys / "class" / "drm").glob("card*/device/gpu_busy_percent")):
        folder = file.parent
        try:
            util = _percent(int(file.read_text(encoding="ascii")))
            used, total = (int((folder / f"mem_info_vram_{part}").read_text("ascii")) for part in ("used", "total"))
        except (OSError, ValueError) as error:
            skipped.append(Skipped("gpus", folder.parent.name, str(error)))
            gpus.append(Gpu(None))
        else:
            gpus.append(Gpu(util, used / MIB, total / MIB))
    return gpus


def _percent(value: float) -> float | None:
    return float(value) if 0 <= value <= 100 else None
