# --8<-- [start:records]
"""Read the file of a Weights & Biases run: no server, no account, no network."""

import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HEAD = b":W&B\xe1\xbe\x00"  # with the version of the format at its end
BLOCK = 1 << 15  # a piece of a record never crosses a multiple of this
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
TICK = 0.02  # seconds between two looks at a file that is being written


def payloads(data: bytes) -> Iterator[bytes]:
    """The records of a file, in order; it ends before one that is cut off.

    Args:
        data: the bytes of the file.

    Raises:
        ValueError: it is another kind of file, or some bytes were changed.
    """
    if data[: len(HEAD)] != HEAD:
        raise ValueError(f"no run of W&B: begins with {data[: len(HEAD)]!r}")
    place, pieces = len(HEAD), b""
    while place + 7 <= len(data):
        if (room := BLOCK - place % BLOCK) < 7:  # too little for a head: zeros
            place += room
            continue
        check, size = data[place : place + 4], data[place + 4 : place + 6]
        kind = data[place + 6]
        end = place + 7 + int.from_bytes(size, "little")
        if end > len(data) or kind == 0:  # cut off, or space not yet written
            return
        if zlib.crc32(data[place + 6 : end]) != int.from_bytes(check, "little"):
            raise ValueError(f"the record at byte {place} doesn't fit its checksum")
        if kind in (WHOLE, FIRST):
            pieces = b""
        pieces += data[place + 7 : end]
        if kind in (WHOLE, LAST):
            yield pieces
        place = end


# --8<-- [end:records]


# --8<-- [start:read_run]
@dataclass
class RunFile:
    """What a run wrote: ``exit_code`` is 0, 1 after an error, None without an end."""

    folder: Path
    about: dict = field(default_factory=dict)  # run_id, project, display_name, tags ...
    config: dict = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)  # a row for each step
    summary: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)  # name -> the name of its x axis
    artifacts: list[dict] = field(default_factory=list)
    alerts: list[dict] = field(default_factory=list)
    exit_code: "int | None" = None

    def file(self, path: str) -> Path:
        """Where a logged file lies: a picture of a row or table, a part of an artifact.

        Args:
            path: as the row, the table or the artifact has it.
        """
        kept = [one["files"][path] for one in self.artifacts if path in one["files"]]
        places = [self.folder / "files" / path, *map(Path, reversed(kept))]
        for place in places:
            if place.is_file():
                return place
        raise FileNotFoundError(f"{path!r} is in no file or artifact of this run")

    def table(self, name: str) -> "tuple[list[str], list[list]]":
        """Columns and rows of the table that was logged last under this name.

        Args:
            name: the key that it was logged under.
        """
        kept = [one["files"] for one in self.artifacts if one["type"] == "run_table"]
        found = [files for files in kept if f"{name}.table.json" in files]
        if not found:
            raise KeyError(f"no table was logged as {name!r}")
        text = Path(found[-1][f"{name}.table.json"]).read_text(encoding="utf-8")
        content = json.loads(text)
        return content["columns"], content["data"]


def read_run(path: "str | os.PathLike", *, wait: float = 0) -> RunFile:
    """Read a run from its folder ``offline-run-...``, also one that still goes on.

    Args:
        path: the folder, or the file ``run-....wandb`` in it.
        wait: seconds to wait for the run's end, which another process writes.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: the file is damaged, or none of W&B.

    Example:
        >>> run = read_run("wandb/offline-run-20261130_120000-abc")  # doctest: +SKIP
        >>> run.summary["loss"]  # doctest: +SKIP
        0.25
    """
    from wandb.proto.wandb_internal_pb2 import Record  # only here: wandb is large

    path = Path(path)
    files = [path] if path.is_file() else sorted(path.glob("run-*.wandb"))
    if len(files) != 1:
        raise FileNotFoundError(f"{path}: {len(files)} files run-*.wandb, not one")
    for _ in range(1 + int(wait / TICK)):
        run = RunFile(files[0].parent)
        try:
            for payload in payloads(files[0].read_bytes()):
                add(run, Record.FromString(payload))
        except ValueError as error:
            raise ValueError(f"{files[0].name}: {error}") from None
        if run.exit_code is not None or not wait:
            break
        time.sleep(TICK)
    run.summary = dict(sorted(run.summary.items()))
    return run


def add(run: RunFile, record: object) -> None:
    """Put into ``run`` what one record says; records of other kinds are left out."""
    kind = record.WhichOneof("record_type")
    said = getattr(record, kind) if kind else None
    if kind == "run":
        names = "run_id project display_name run_group job_type notes sweep_id".split()
        run.about |= {name: getattr(said, name) for name in names}
        run.about["tags"] = list(said.tags)
        put(run.config, said.config.update)
    elif kind == "config":
        put(run.config, said.update)
    elif kind == "history":
        put(row := {}, said.item)
        run.history.append(dict(sorted(row.items())))
    elif kind == "summary":
        put(run.summary, said.update)
    elif kind == "metric":
        run.metrics[said.name or said.glob_name] = said.step_metric
    elif kind == "artifact":
        files = {entry.path: entry.local_path for entry in said.manifest.contents}
        about = {"name": said.name, "type": said.type, "files": files}
        run.artifacts.append(about | {"metadata": json.loads(said.metadata or "{}")})
    elif kind == "alert":
        run.alerts.append({"title": said.title, "text": said.text})
    elif kind == "exit":
        run.exit_code = said.exit_code


def put(tree: dict, items: "Iterator[object]") -> None:
    """Put values at their keys, nested ones too; not W&B's own but ``_step``."""
    for item in items:
        *above, last = item.nested_key or [item.key]
        first = (above or [last])[0]
        if first.startswith("_") and first != "_step":
            continue
        place = tree
        for key in above:
            if not isinstance(place.get(key), Mapping):
                place[key] = {}
            place = place[key]
        place[last] = json.loads(item.value_json)


# --8<-- [end:read_run]
