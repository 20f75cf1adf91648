"""docs/devices: what readers measured, and the program that measures it"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import device_reports
import pytest

from book.ground.tree import HERE

PROGRAM = HERE.root / "snippets/tools/apps/device_speed.py"
KEYS = {"schema", "device", "name", "torch", "threads", "date", "quick", "seconds"}


def test_the_toolkit_has_the_reports_of_the_folder() -> None:
    assert device_reports.MODULE.read_text(encoding="utf-8") == device_reports.module(), (
        "run python tests/device_reports.py"
    )


@pytest.mark.parametrize("path", sorted(device_reports.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_report_is_whole(path: Path) -> None:
    report = json.loads(path.read_text(encoding="utf-8"))
    assert set(report) == KEYS and report["schema"] == 1 and report["quick"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", report["date"]) and re.match(r"\d+\.\d+\.\d+", report["torch"])
    assert set(report["seconds"]) == {"matmul", "attention", "cnn epoch"}
    assert all(0 < seconds < 3600 for seconds in report["seconds"].values())
    assert re.fullmatch(r"[\w ()@.+/-]{2,80}", report["name"]), "the model of a processor, and no address"


def test_the_program_measures_and_refuses(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    command = [sys.executable, str(PROGRAM), "--quick", "--device"]
    done = subprocess.run([*command, "cpu", "--out", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    report = json.loads(file.read_text(encoding="utf-8"))
    assert set(report) == KEYS and report["quick"] is True and report["device"] == "cpu"
    done = subprocess.run([*command, "nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "doesn't work here" in done.stderr and "Traceback" not in done.stderr
