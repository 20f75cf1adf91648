"""The chapter on Kaggle: its checks of metadata, its secrets, and what Kaggle's command says without an account."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from book.ground.tree import HERE
from book.source import sections

FILE = HERE.snippets / "tools" / "kaggle_gpu.py"


def names_of(*blocks: str, until: str = "\0") -> dict[str, Any]:
    """What these blocks of the chapter define, run in the current folder; of each what stands before ``until``."""
    found = sections.parse(FILE.read_text(encoding="utf-8"), FILE.name)
    names: dict[str, Any] = {"Path": Path, "json": json, "os": os, "re": re, "subprocess": subprocess, "sys": sys}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks:
            exec(compile(found[block].code.split(until)[0], block, "exec"), names)
    return names


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The chapter's functions, and its folder with a notebook and right metadata."""
    pytest.importorskip("nbformat")
    monkeypatch.chdir(tmp_path)
    return SimpleNamespace(**names_of("cells", "notebook", "metadata", "check"))


def test_the_blocks_do_not_need_the_engine() -> None:
    code = FILE.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(from|import) (book|snippets)\b", code, re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "somebody"}, "id: 'somebody' is not user/slug"),
        ({"id": "/digits-cnn"}, "id: '/digits-cnn' is not user/slug"),
        ({"id": "some body/digits-cnn"}, "id: 'some body/digits-cnn' is not user/slug"),
        ({"id": "a/b/c"}, "id: 'a/b/c' is not user/slug"),
        ({"id": "somebody/other"}, "id: ends in other, the title gives digits-cnn"),
        ({"title": "CNN", "id": "somebody/cnn"}, "title: fewer than five characters"),
        ({"code_file": "none.ipynb"}, "code_file: there is no none.ipynb"),
        ({"language": "Python"}, "language: 'Python' is none of python, r, rmarkdown"),
        ({"kernel_type": "kernel"}, "kernel_type: 'kernel' is none of script, notebook"),
        ({"is_private": "yes"}, "is_private: 'yes' is neither true nor false"),
        ({"enable_gpu": 1}, "enable_gpu: 1 is neither true nor false"),
        ({"enable_tpu": None}, "enable_tpu: None is neither true nor false"),
        ({"enable_internet": "on"}, "enable_internet: 'on' is neither true nor false"),
        ({"dataset_sources": ["digits"]}, "dataset_sources: 'digits' needs 2 parts"),
        ({"kernel_sources": ["a/b/c"]}, "kernel_sources: 'a/b/c' needs 2 parts"),
        ({"competition_sources": ["a/b"]}, "competition_sources: 'a/b' needs 1 parts"),
        ({"model_sources": ["a/b"]}, "model_sources: 'a/b' needs 5 parts"),
        ({"gpu": True}, "gpu: no such key"),
    ],
)
def test_each_error_of_the_metadata_is_named_alone(
    checked: SimpleNamespace, change: dict[str, Any], sentence: str
) -> None:
    assert checked.check(checked.about, checked.folder) == []
    assert checked.check({**checked.about, **change}, checked.folder) == [sentence]


@pytest.mark.parametrize(
    "key", ["id", "title", "code_file", "language", "kernel_type", "is_private", "machine_shape", "model_sources"]
)
def test_a_missing_key_is_named(checked: SimpleNamespace, key: str) -> None:
    about = dict(checked.about)
    del about[key]
    assert f"{key}: missing" in checked.check(about, checked.folder)


def test_text_for_booleans_is_right_as_in_the_template(checked: SimpleNamespace) -> None:
    about = {**checked.about, "is_private": "true", "enable_gpu": "False"}
    assert checked.check(about, checked.folder) == []


@pytest.mark.parametrize(
    ("architectures", "capability", "fits"),
    [
        (["sm_70", "sm_75"], (6, 0), False),
        (["sm_70", "sm_75"], (7, 5), True),
        (["sm_75"], (7, 0), False),
        (["sm_80", "sm_86"], (8, 9), True),
        (["sm_90a"], (9, 0), True),
        (["sm_100", "sm_120"], (9, 0), False),
        (["sm_100", "sm_120"], (12, 0), True),
        (["compute_80"], (9, 0), True),
        (["compute_90"], (8, 0), False),
        ([], (8, 0), False),
    ],
)
def test_which_gpu_a_build_runs_on(architectures: list[str], capability: tuple[int, int], fits: bool) -> None:
    assert names_of("which_gpu")["runs_on"](architectures, capability) is fits


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MY_KEY", "")
    return names_of("secret", until="\n\n\nos.environ")["secret"]


def test_no_key_gives_a_message_that_says_what_to_do(secret: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError, match="no secret MY_KEY: Add-ons > Secrets, or export MY_KEY="):
        secret("MY_KEY")
    assert capsys.readouterr() == ("", "")


def test_a_secret_is_given_and_never_printed(
    secret: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", "some words")
    assert secret("MY_KEY") == "some words"
    client = SimpleNamespace(get_secret=lambda name: f"{name} of Kaggle")
    monkeypatch.setitem(sys.modules, "kaggle_secrets", SimpleNamespace(UserSecretsClient=lambda: client))
    assert secret("MY_KEY") == "MY_KEY of Kaggle"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "command",
    [("kernels", "push", "-p", "."), ("kernels", "status", "a/b"), ("quota",), ("kernels", "init", "-p", ".")],
)
def test_without_credentials_there_is_a_message_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    if importlib.util.find_spec("kaggle") is None:  # importing it asks for credentials
        pytest.skip("needs kaggle: pip install -r tools.txt")
    monkeypatch.chdir(tmp_path)
    names = names_of("template", until="\n\n\ntemplate_folder")
    done = names["kaggle_command"](*command)
    assert done.returncode == 1
    assert "Authentication required" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
