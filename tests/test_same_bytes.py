"""The whole pipeline gives the same bytes on every CPU, for any number of threads."""

import platform
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run, change, make_project, run_stages

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
    "znver3": ("avx2", {}, 3),
    "skylake-avx512": ("avx512f", {}, 2),
}


def host_has(feature: str) -> bool:
    """Tell whether this CPU has `feature`, as Linux lists it; the empty one is everywhere."""
    flags = Path("/proc/cpuinfo")
    return not feature or (flags.exists() and feature in flags.read_text().split())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with mini-batches, clipping and relu, whose sizes fill no block."""
    folder = make_project(tmp_path_factory.mktemp("tiny"))
    change(folder / "params.yaml", "batch_size: #", "batch_size: 17 #")
    change(folder / "params.yaml", "clip_norm: #", "clip_norm: 0.5 #")
    text = (folder / "params.yaml").read_text()
    single, rest = text.split("  stacked:", 1)
    (folder / "params.yaml").write_text(single.replace("tanh", "relu", 1) + "  stacked:" + rest)
    return folder


@pytest.fixture(scope="module")
def native(tiny: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what this CPU makes, NumPy and PyTorch with all that it has."""
    folder = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("native") / "project"))
    return run_stages(folder, run, NUMBA_CPU_NAME="native", NUMBA_CPU_FEATURES="", OMP_NUM_THREADS="3")


@pytest.mark.parametrize("cpu", SETTINGS)
def test_every_setting_gives_this_cpus_bytes(
    cpu: str, tiny: Path, native: dict[str, bytes], run: Run, tmp_path: Path
) -> None:
    feature, environment, threads = SETTINGS[cpu]
    if platform.machine() not in ("x86_64", "AMD64") or not host_has(feature):
        pytest.skip(f"this host cannot run code for {cpu}")
    folder = Path(shutil.copytree(tiny, tmp_path / "project"))
    found = run_stages(
        folder,
        run,
        NUMBA_CPU_NAME=cpu,
        NUMBA_CPU_FEATURES="",
        OMP_NUM_THREADS=str(threads),
        **environment,
    )
    assert found.keys() == native.keys()
    assert [name for name in native if found[name] != native[name]] == []
