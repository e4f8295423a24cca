"""The machine that figures were measured on, and the memory of this process."""

import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["describe_machine", "parse_cpuinfo", "peak_memory_mib"]

_FEATURES: Final = (
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16",  # x86
    "asimd", "neon", "asimdhp", "fphp", "asimddp", "i8mm", "bf16", "sve", "sme",  # ARM; asimddp: int8 dot products
)  # fmt: skip
_APPLE: Final = {"hw.optional.arm.FEAT_DotProd": "asimddp", "hw.optional.arm.FEAT_I8MM": "i8mm"}


def describe_machine() -> dict[str, Any]:
    """Plain values: processor, its instruction sets that matter to the graphs, cores, memory, system, load.

    `load` is the average number of running programs over 1, 5 and 15 minutes: figures of a busy machine say so. What
    the system does not tell is None.
    """
    name, features = _processor()
    return {
        "processor": name,
        "instruction_sets": features,
        "cores": os.cpu_count(),
        "cores_allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "governor": _text(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")) or None,
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def parse_cpuinfo(text: str) -> tuple[str, list[str]]:
    """Name and the instruction sets that matter, from Linux's /proc/cpuinfo of x86 or ARM."""
    values = {
        key.strip().lower(): value.strip() for key, mark, value in (line.partition(":") for line in text.splitlines())
        if mark
    }  # fmt: skip
    present = set((values.get("flags") or values.get("features") or "").split())
    parts = [values[key] for key in ("cpu implementer", "cpu part") if key in values]
    name = values.get("model name") or values.get("hardware") or ("ARM " + " ".join(parts) if parts else "unknown")
    return name, [feature for feature in _FEATURES if feature in present]


def peak_memory_mib() -> float | None:
    """Largest resident memory of this process so far; None where the system does not tell.

    Linux's own figure comes first: what `getrusage` gives there counts the parent's memory at the time of the fork.
    """
    high = re.search(r"^VmHWM:\s*(\d+) kB", _text(Path("/proc/self/status")), re.MULTILINE)
    if high:
        return int(high[1]) / 1024
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _processor() -> tuple[str, list[str]]:
    text = _text(Path("/proc/cpuinfo"))
    if text:
        return parse_cpuinfo(text)
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string"), [name for key, name in _APPLE.items() if _sysctl(key) == "1"]
    return platform.processor() or platform.machine(), []


def _memory_gib() -> float | None:
    with suppress(AttributeError, OSError, ValueError):
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return None


def _sysctl(key: str) -> str:
    with suppress(OSError):
        return subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, check=False).stdout.strip()
    return ""


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeError):
        return path.read_text("utf-8")
    return ""
