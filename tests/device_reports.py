"""The reports below docs/devices as the toolkit has them: ``python tests/device_reports.py`` writes them into it anew."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from book.ground.files import write_atomically
from book.ground.tree import HERE

FOLDER = HERE.root / "docs/devices"
MODULE = HERE.root / "snippets/toolkit/measured.py"
TEXT = re.compile(r'(REPORTS = r"""\n).*?(\n""")', re.DOTALL)


def reports() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def module() -> str:
    """The toolkit's module with these reports in it."""
    text = MODULE.read_text(encoding="utf-8")
    return TEXT.sub(lambda match: match[1] + json.dumps(reports(), indent=1) + match[2], text)


if __name__ == "__main__":
    write_atomically(MODULE, module())
