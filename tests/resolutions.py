"""`python tests/resolutions.py`: whether tools.txt changes a package that requirements.txt brings, by two dry runs of pip.

Needs the package index and takes two to three minutes, so it runs at night; tests/test_needs.py has what needs no network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def resolution(file: str, *options: str) -> dict[str, str]:
    """Name -> version of all that pip would install for a requirements file.

    Raises:
        SystemExit: pip can't resolve it; says what pip said.
    """
    asked = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", *options, "-r", file]
    run = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    if run.returncode:
        sys.exit(f"pip can't resolve {file}:\n{run.stderr}")
    made = json.loads(run.stdout)["install"]
    return {one["metadata"]["name"].lower(): one["metadata"]["version"] for one in made}


def changed(core: dict[str, str], every: dict[str, str]) -> list[str]:
    """A line for each package of ``core`` that ``every`` has in another version, or not at all."""
    return [f"{name}: {core[name]} -> {every.get(name)}" for name in sorted(core) if every.get(name) != core[name]]


if __name__ == "__main__":
    both = [resolution(file, "--ignore-installed") for file in ("requirements.txt", "tools.txt")]
    differences = changed(*both)
    print(*differences, f"{len(both[0])} packages, {len(differences)} changed by tools.txt", sep="\n")
    sys.exit(bool(differences))
