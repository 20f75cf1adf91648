"""The processor's vendor and model, as the system names them; never the host's name."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# What an ARM processor calls its maker: it has no name of its own in /proc/cpuinfo.
ARM_VENDORS = {
    "0x41": "ARM",
    "0x46": "Fujitsu",
    "0x48": "HiSilicon",
    "0x51": "Qualcomm",
    "0x61": "Apple",
    "0xc0": "Ampere",
}


def processor() -> tuple[str, str]:
    """Vendor and model, such as ``("AuthenticAMD", "AMD EPYC 7763 64-Core Processor")``; empty where the system tells none."""
    if sys.platform == "darwin":
        return from_sysctl(_sysctl("machdep.cpu.vendor"), _sysctl("machdep.cpu.brand_string"))
    try:
        return from_cpuinfo(CPUINFO.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "", platform.processor()


def from_cpuinfo(text: str) -> tuple[str, str]:
    """Vendor and model from the text of /proc/cpuinfo."""
    facts: dict[str, str] = {}
    for key, value in re.findall(r"^([^:\n]+?)[ \t]*:[ \t]*(.*)$", text, re.MULTILINE):
        facts.setdefault(key, value.strip())
    vendor, model = facts.get("vendor_id", ""), facts.get("model name", "")
    maker = facts.get("CPU implementer", "")
    if maker:
        vendor = vendor or ARM_VENDORS.get(maker, maker)
        model = model or f"part {facts.get('CPU part', 'unknown')}"
    return vendor, re.sub(r"\s+", " ", model)


def from_sysctl(vendor: str, brand: str) -> tuple[str, str]:
    """Vendor and model from what macOS tells; an Apple processor has a brand only."""
    return vendor or brand.partition(" ")[0], brand


def _sysctl(name: str) -> str:
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
