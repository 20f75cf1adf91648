# --8<-- [start:measured]
"""Reports of device_speed.py that readers sent, one for each device."""

import json

REPORTS = r"""
[
 {
  "schema": 1,
  "device": "cpu",
  "name": "AMD EPYC",
  "torch": "2.13.0+cpu",
  "threads": 1,
  "date": "2026-11-30",
  "quick": false,
  "seconds": {
   "matmul": 0.19627826700161677,
   "attention": 0.018167870000979747,
   "cnn epoch": 0.5614673589989252
  }
 }
]
"""


def measured() -> "list[dict]":
    """The reports, the slowest matrix product first.

    Returns:
        Each report as device_speed.py wrote it: name, device, torch, date, seconds.

    Example:
        >>> [row["device"] for row in measured()][:1]
        ['cpu']
    """
    reports = json.loads(REPORTS)
    return sorted(reports, key=lambda row: -row["seconds"]["matmul"])


# --8<-- [end:measured]
