"""book.run.processor"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from book.run import processor

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R)  Platinum 8480C
flags\t\t: fpu vme

processor\t: 1
vendor_id\t: Other
model name\t: Other
"""
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (X86, ("GenuineIntel", "Intel(R) Xeon(R) Platinum 8480C")),
        (ARM, ("ARM", "part 0xd0c")),
        (ARM.replace("0x41", "0x99"), ("0x99", "part 0xd0c")),
        ("", ("", "")),
        ("hart\t: 0\n", ("", "")),
    ],
)
def test_from_cpuinfo(text: str, found: tuple[str, str]) -> None:
    assert processor.from_cpuinfo(text) == found


def test_from_sysctl() -> None:
    assert processor.from_sysctl("", "Apple M2 Pro") == ("Apple", "Apple M2 Pro")
    assert processor.from_sysctl("GenuineIntel", "Intel(R) Core(TM) i7") == ("GenuineIntel", "Intel(R) Core(TM) i7")


def test_the_system_decides_where_to_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "cpuinfo").write_text(X86, encoding="utf-8")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert processor.processor()[0] == "GenuineIntel"
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    monkeypatch.setattr("platform.processor", lambda: "a processor")
    assert processor.processor() == ("", "a processor")
    monkeypatch.setattr(sys, "platform", "darwin")

    def sysctl(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        known = command[-1] == "machdep.cpu.brand_string"
        return subprocess.CompletedProcess(command, 0 if known else 1, "Apple M1\n" if known else "", "")

    monkeypatch.setattr(subprocess, "run", sysctl)
    assert processor.processor() == ("Apple", "Apple M1")


def test_a_system_without_sysctl_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", missing)
    assert processor.processor() == ("", "")
