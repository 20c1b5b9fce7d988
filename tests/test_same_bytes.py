"""The whole pipeline gives the same bytes on every CPU, for any number of threads.

NumPy and PyTorch have two settings below this CPU's; the trainer's further ones are in tests/train/exact.
"""

import platform
from pathlib import Path
from unittest import mock

import pytest

from tests.conftest import TOP, Run, files, run_stages, tiny_params

pytestmark = pytest.mark.slow

NUMPY_LEAST = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
# CPU that Numba compiles for, what it needs of the host, how NumPy, PyTorch and C's mathematics compute, threads.
SETTINGS = {
    "generic": (
        "",
        {
            "NPY_DISABLE_CPU_FEATURES": NUMPY_LEAST,
            "ATEN_CPU_CAPABILITY": "default",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA",
        },
        1,
    ),
    "haswell": (
        "avx2",
        {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR", "ATEN_CPU_CAPABILITY": "avx2"},
        2,
    ),
}


def host_has(feature: str) -> bool:
    """Tell whether this CPU has `feature`, as Linux lists it; the empty one is everywhere."""
    flags = Path("/proc/cpuinfo")
    return not feature or (flags.exists() and feature in flags.read_text().split())


def write_params(folder: Path) -> None:
    """Write params of two numbers a step, mini-batches, clipping, relu and sizes that fill no block."""
    (folder / "params.yaml").write_text(
        tiny_params()
        .replace("task: mean", "task: adding")
        .replace("rnn_tanh", "rnn_relu", 1)
        .replace("batch_size: #", "batch_size: 17 #")
        .replace("clip_norm: #", "clip_norm: 0.5 #")
    )


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what this CPU makes, NumPy and PyTorch with all that it has."""
    folder = tmp_path_factory.mktemp("native")
    write_params(folder)
    with mock.patch.dict("os.environ", OMP_NUM_THREADS="3"):
        return run_stages(folder)


@pytest.mark.parametrize("cpu", SETTINGS)
def test_every_setting_gives_this_cpus_bytes(
    cpu: str, native: dict[str, bytes], run: Run, tmp_path: Path
) -> None:
    feature, environment, threads = SETTINGS[cpu]
    if platform.machine() not in ("x86_64", "AMD64") or not host_has(feature):
        pytest.skip(f"this host cannot run code for {cpu}")
    write_params(tmp_path)
    environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": "", "OMP_NUM_THREADS": str(threads)}
    code = "from pathlib import Path; from tests.conftest import run_stages; run_stages(Path())"
    done = run(f"python -c '{code}'", tmp_path, PYTHONPATH=str(TOP), **environment)
    assert done.returncode == 0, done.stderr
    found = files(tmp_path, "data", "reports")
    assert found.keys() == native.keys()
    assert [name for name in native if found[name] != native[name]] == []
