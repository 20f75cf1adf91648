"""The worlds that pages run in: which kernels and how many threads (``BOOK_WORLD``), and the environment of the warm parent.

A session's output must not depend on the user who runs it: of the user's environment the warm parent gets the names in
``KEPT`` and what ``environment`` sets, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from book.ground.errors import BookError, nearest

# What a process needs to run at all, to reach its files and devices, and to be told about this book.
KEPT = frozenset(
    """
    PATH HOME TMPDIR TEMP TMP USER LOGNAME SHELL VIRTUAL_ENV LD_LIBRARY_PATH DYLD_LIBRARY_PATH LD_PRELOAD CC CXX
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy ftp_proxy all_proxy no_proxy
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES USERPROFILE USERNAME USERDOMAIN
    HOMEDRIVE HOMEPATH NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE
    HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES HSA_OVERRIDE_GFX_VERSION ZE_AFFINITY_MASK
    """.split()
)
KEPT_PREFIXES = ("BOOK_", "CUDA_", "NVIDIA_")


@dataclass(frozen=True)
class World:
    """Kernels and threads that pages run with; ``sets`` are environment variables."""

    says: str
    sets: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1


HIDDEN = "no-accelerator"
WORLDS: dict[str, World] = {
    "": World("the processor's own kernels, one thread"),
    "sse": World(
        "kernels without AVX",
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    ),
    "avx2": World("kernels with AVX2 at most", {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "compatible": World("MKL's kernels for any processor", {"MKL_CBWR": "COMPATIBLE"}),
    "one-thread": World("one thread"),
    "two-threads": World("two threads", threads=2),
    "four-threads": World("four threads", threads=4),
    HIDDEN: World(
        "without the machine's accelerator",
        {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ZE_AFFINITY_MASK": "none"},
    ),
}


def named(name: str) -> World:
    """The world of this name.

    Raises:
        BookError: there is none; says which there are.
    """
    if name not in WORLDS:
        names = [name for name in WORLDS if name]
        raise BookError(f'BOOK_WORLD: there is no world "{name}"{nearest(name, names)}; there are {", ".join(names)}')
    return WORLDS[name]


def chosen() -> str:
    """The name in ``BOOK_WORLD``; an empty one means the processor's own kernels and one thread."""
    name = os.environ.get("BOOK_WORLD", "")
    named(name)
    return name


def environment(name: str | None = None, user: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a process of this world (default: the chosen one), made from the user's.

    Raises:
        BookError: there is no such world.
    """
    world = named(chosen() if name is None else name)
    user = os.environ if user is None else user
    threads = str(world.threads)
    return {
        **{key: value for key, value in user.items() if key in KEPT or key.startswith(KEPT_PREFIXES)},
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "80",
        "LINES": "24",
        "TERM": "dumb",
        "MPLBACKEND": "module://book.run.figures",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # more start a pool of processes or threads, which outlives the page
        **caches(user),
        **world.sets,
    }


def caches(user: Mapping[str, str]) -> dict[str, str]:
    """Where libraries keep what they compute once (lists of fonts, compiled kernels): a folder that holds no settings."""
    home = user.get("HOME") or user.get("USERPROFILE") or os.path.expanduser("~")
    base = Path(user.get("XDG_CACHE_HOME") or Path(home, ".cache")) / "runnable-pytorch" / "engine"
    return {
        "MPLCONFIGDIR": str(base / "matplotlib"),
        "TORCHINDUCTOR_CACHE_DIR": str(base / "inductor"),
        "TORCH_EXTENSIONS_DIR": str(base / "extensions"),
        "TRITON_CACHE_DIR": str(base / "triton"),
    }


def clean_settings(folder: str | None) -> None:
    """Delete from matplotlib's folder all but its list of fonts: a matplotlibrc or a style there would change figures."""
    if not folder:
        return
    with contextlib.suppress(OSError):  # a folder that can't be written holds no new settings either
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path in Path(folder).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif not path.name.startswith(("fontlist", ".")):
                path.unlink(missing_ok=True)


def own_settings() -> None:
    """Give matplotlib its own defaults, whatever a matplotlibrc in the current folder says."""
    import matplotlib

    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    matplotlib.rcParams.update(defaults)
    matplotlib.rcParamsOrig.update(defaults)
