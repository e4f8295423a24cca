"""The machine as it describes itself."""

import json
import subprocess
import sys

import numpy as np
import pytest

from densepose_mobile.bench import describe_machine
from densepose_mobile.bench.machine import parse_cpuinfo, peak_memory_mib

X86 = """processor\t: 0
model name\t: Some CPU @ 2.60GHz
flags\t\t: fpu sse avx2 fma avx512f avx512_vnni
processor\t: 1
model name\t: Some CPU @ 2.60GHz
flags\t\t: fpu sse avx2 fma avx512f avx512_vnni
"""
ARM = """processor\t: 0
BogoMIPS\t: 38.40
Features\t: fp asimd evtstrm asimdhp cpuid asimddp i8mm
CPU implementer\t: 0x41
CPU part\t: 0xd44
"""


@pytest.mark.parametrize(
    ("text", "name", "features"),
    [
        (X86, "Some CPU @ 2.60GHz", ["avx2", "fma", "avx512f", "avx512_vnni"]),
        (ARM, "ARM 0x41 0xd44", ["asimd", "asimdhp", "asimddp", "i8mm"]),
        ("Hardware\t: Board of 2019\nFeatures\t: neon\n", "Board of 2019", ["neon"]),
        ("", "unknown", []),
    ],
)
def test_linux_tells_the_processor(text: str, name: str, features: list[str]) -> None:
    assert parse_cpuinfo(text) == (name, features)


def test_the_description_is_plain_and_whole() -> None:
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert set(machine) == {
        "processor", "instruction_sets", "cores", "cores_allowed", "memory_gib", "system", "governor", "load"
    }  # fmt: skip
    assert 1 <= machine["cores_allowed"] <= machine["cores"]


def test_peak_memory_is_of_this_process_alone() -> None:
    """A small child of a large parent: the parent's memory must not count."""
    before = peak_memory_mib()
    if before is None:
        pytest.skip("the system does not tell")
    block = np.ones((256, 2**17))  # 256 MiB
    after = peak_memory_mib()
    assert after is not None
    assert after >= before
    assert after > 256
    code = "from densepose_mobile.bench.machine import peak_memory_mib; print(peak_memory_mib())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 200
    assert block.size
