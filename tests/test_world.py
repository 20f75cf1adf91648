"""book.run.world, book.prove.portable: worlds are entered, and of a user's environment nothing reaches a session that changes output"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from conftest import RunBook
from faults import edit

from book import cli
from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.prove import check, portable
from book.run import world
from book.run.job import BlockCode, Job
from book.run.session import Sessions

NAMED = [name for name in world.WORLDS if name]

# Variables of a user that change what Python or a package prints, each with a value that would be seen.
HOSTILE = {
    "PYTHONSAFEPATH": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONHASHSEED": "77",
    "PYTHONIOENCODING": "ascii:strict",
    "PYTHONUTF8": "0",
    "PYTHONSTARTUP": "nowhere.py",
    "PYTHONDEVMODE": "1",
    "PYTHONINSPECT": "1",
    "PYTHONVERBOSE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONTRACEMALLOC": "5",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONNODEBUGRANGES": "1",
    "PYTHONBREAKPOINT": "nothing.here",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONINTMAXSTRDIGITS": "640",
    "PYTHON_COLORS": "1",
    "MPLBACKEND": "no-such-backend",
    "MATPLOTLIBRC": "matplotlibrc",
    "TQDM_DISABLE": "1",
    "TQDM_MININTERVAL": "0",
    "TORCH_LOGS": "+all",
    "TORCH_SHOW_CPP_STACKTRACES": "1",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    "TORCH_HOME": "nowhere",
    "PYTORCH_JIT": "0",
    "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "3",
    "OMP_DISPLAY_ENV": "VERBOSE",
    "MKL_NUM_THREADS": "3",
    "MKL_VERBOSE": "1",
    "KMP_AFFINITY": "verbose",
    "GOMP_CPU_AFFINITY": "0",
    "LC_ALL": "tr_TR.UTF-8",
    "LC_NUMERIC": "de_DE.UTF-8",
    "LANGUAGE": "de",
    "COLUMNS": "30",
    "LINES": "5",
    "TZ": "Asia/Kolkata",
    "NO_COLOR": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "HF_HUB_OFFLINE": "0",
    "HF_HOME": "nowhere",
    "TRANSFORMERS_VERBOSITY": "debug",
    "WANDB_MODE": "online",
    "ACCELERATE_USE_CPU": "0",
    "ACCELERATE_MIXED_PRECISION": "bf16",
    "LIGHTNING_PROGRESS": "1",
    "XDG_CONFIG_HOME": "nowhere",
    "RUNNABLE_PYTORCH_DATA": "nowhere",
}


def say(sessions: Sessions, *codes: str) -> list[str]:
    """What blocks print, one page of them."""
    blocks = tuple(BlockCode(f"block{number}", code) for number, code in enumerate(codes, start=1))
    (run,) = sessions.run([Job("part/demo", blocks, "/nowhere")])
    assert [r.failure for r in run.results] == [None] * len(codes)
    return ["".join(output["text"] for output in result.outputs) for result in run.results]


@pytest.fixture(scope="module")
def everywhere() -> Iterator[dict[str, Sessions]]:
    """A warm parent in each world; they start side by side."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Sessions(name)) for name in NAMED}


@pytest.mark.parametrize("name", NAMED)
def test_a_world_is_really_entered(name: str, everywhere: dict[str, Sessions], sessions: Sessions) -> None:
    code = "import torch\nprint(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())"
    threads, capability = say(everywhere[name], code)[0].split()
    assert int(threads) == {"two-threads": 2, "four-threads": 4}.get(name, 1)
    here = say(everywhere["one-thread"], code)[0].split()[1]
    wanted = {"sse": "DEFAULT", "avx2": "AVX2" if here.startswith("AVX") else here}
    assert capability == wanted.get(name, here)
    printed = say(everywhere[name], "import os\nfor name in sorted(os.environ): print(name, os.environ[name])")[0]
    for variable, value in world.WORLDS[name].sets.items():
        assert f"{variable} {value}\n" in printed


def test_the_variable_chooses_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_WORLD", "sse")
    assert world.chosen() == "sse"
    assert world.environment()["ATEN_CPU_CAPABILITY"] == "default"
    monkeypatch.delenv("BOOK_WORLD")
    assert world.chosen() == "" and "ATEN_CPU_CAPABILITY" not in world.environment()


def test_an_unknown_world_says_which_there_are(
    monkeypatch: pytest.MonkeyPatch, small: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOOK_WORLD", "one_thread")
    with pytest.raises(BookError, match=r'there is no world "one_thread" .did you mean "one-thread"'):
        world.chosen()
    assert cli.main(["--root", str(small.root), "check"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: BOOK_WORLD:") and all(name in said for name in NAMED)


@pytest.mark.parametrize("variable", HOSTILE)
def test_a_users_variable_stays_outside(variable: str) -> None:
    user = {"PATH": os.defpath, "HOME": "home", variable: HOSTILE[variable]}
    assert world.environment("", user).get(variable) == world.environment("", {"PATH": "", "HOME": "home"}).get(
        variable
    )


@pytest.mark.parametrize("variable", ["PATH", "HOME", "CUDA_VISIBLE_DEVICES", "BOOK_DEVICE", "SSL_CERT_FILE"])
def test_what_a_process_needs_is_kept(variable: str) -> None:
    assert world.environment("", {variable: "kept"})[variable] == "kept"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """A warm parent of a user who has set every variable, has a matplotlibrc in three places, and modules of his own."""
    folder = tmp_path_factory.mktemp("user")
    settings = "axes.grid: True\nlines.linewidth: 9\nbackend: nonsense\n"
    for place in ("config/matplotlib", "cache/runnable-pytorch/engine/matplotlib", "here"):
        (folder / place).mkdir(parents=True)
        (folder / place / "matplotlibrc").write_text(settings, encoding="utf-8")
    (folder / "here" / "random.py").write_text("raise SystemExit('not this one')\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in HOSTILE.items():
            patch.setenv(name, value)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("MPLCONFIGDIR", str(folder / "config" / "matplotlib"))
        patch.setenv("MATPLOTLIBRC", str(folder / "here"))
        patch.setenv("PYTHONPATH", str(folder / "here"))
        patch.chdir(folder / "here")
        sessions = Sessions()
    with sessions:
        yield sessions


def test_under_every_variable_check_tells_right_from_wrong(small: Tree, hostile: Sessions) -> None:
    report = check.check(small, sessions=hostile)
    assert report.ok, [report.failed, report.problems]
    edit("snippets/part/small.py", "2 * x", "2 + x")(small)
    edit("snippets/part/small.py", "x, x**2", "x, x**3")(small)
    report = check.check(small, ignore_hashes=True, sessions=hostile)
    assert [verdict.block for verdict in report.failed] == ["scale", "curve"]


def test_under_every_variable_a_session_is_as_any_other(hostile: Sessions, sessions: Sessions) -> None:
    codes = [
        "import os\nprint(sorted(set(os.environ) - {'TMPDIR', 'HOME', 'TMP', 'TEMP'}))",
        "import sys, time\nprint(sys.flags, time.tzname, sys.stdout.encoding)",
        "import matplotlib\nprint({k: v for k, v in matplotlib.rcParams.items() if k != 'axes.prop_cycle'})",
        "import torch\nprint(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())",
        "print(__debug__)",
    ]
    assert say(hostile, *codes) == say(sessions, *codes)


def test_settings_are_deleted_and_the_list_of_fonts_is_kept(tmp_path: Path) -> None:
    (tmp_path / "stylelib").mkdir()
    for name in ("matplotlibrc", "stylelib/own.mplstyle", "fontlist-v390.json"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    world.clean_settings(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["fontlist-v390.json"]


def test_portable_checks_in_each_world_and_says_what_fails(
    small: Tree, sessions: Sessions, run_book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def parent(name: str) -> nullcontext[Sessions]:
        asked.append(name)
        return nullcontext(sessions)

    monkeypatch.setattr(portable, "Sessions", parent)
    status, said = run_book(small, "portable", "part/small")
    assert status == 0 and asked == [name for name in NAMED if name != world.HIDDEN]
    assert [line.split()[0] for line in said.splitlines()] == asked
    assert "sse (kernels without AVX): 4 passed, 0 failed" in said
    edit("snippets/part/small.py", "2 * x", "2 + x")(small)
    status, said = run_book(small, "portable")
    assert status == 1
    assert "docs/en/part/small.md:10 (snippets/part/small.py:2)" in said and "FAILED part/small::scale" in said


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_hides_no_module_and_drops_no_assert(tmp_path: Path) -> None:
    """``python -m book`` finds no book/ in the current folder under PYTHONSAFEPATH."""
    probe = tmp_path / "probe.mk"
    probe.write_text(".PHONY: probe\nprobe:\n\t@env\n", encoding="utf-8")
    user = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONOPTIMIZE": "1", "PYTHONUTF8": "1"}
    command = ["make", "-s", "-f", "Makefile", "-f", str(probe), "probe"]
    printed = subprocess.run(command, cwd=HERE.root, env=user, capture_output=True, text=True, check=True).stdout
    assert "PYTHONSAFEPATH" not in printed and "PYTHONOPTIMIZE" not in printed and "PYTHONUTF8=1" in printed
