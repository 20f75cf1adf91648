"""The chapters' models on the originals that the book can't bring along: ``make originals``, on a machine with network.

The book's blocks run offline, on data made in an original's format or on a stand-in. This trains the same code on the
originals and writes what came out, with the date and the file's checksum, to docs/originals.json, which the pages show.
Two of the four are downloaded; the files of the others have terms that each reader accepts by themselves.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import datetime
import hashlib
import importlib
import io
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.seeds import time_series
from bench.seeds._shared import definitions
from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import HERE, Tree
from book.run.child import machine
from book.source import originals, sections

COUNTRIES = (
    "Italy", "Spain", "Germany", "France", "Belgium", "Netherlands", "Switzerland", "Austria", "Portugal", "Ireland",
    "Denmark", "Norway",
)  # fmt: skip
TITANIC = ("features", "more_features", "columns_compared")  # sections of workflow/tabular
Figures = dict[str, list[float]]  # name -> a value for each seed


@dataclass(frozen=True)
class Original:
    """A file that the book does not bring along.

    Attributes:
        find: the file, downloaded if it has to be.
        run: file, seeds -> figures.
    """

    find: Callable[[], Path]
    run: Callable[[Path, Sequence[int]], Figures]


class Missing(BookError):
    """A file that nobody has put in its place, or that could not be downloaded."""


def toolkit(name: str) -> Any:
    """A module of the toolkit, whose types mypy is not to follow."""
    return importlib.import_module(f"snippets.toolkit.{name}")


def downloaded(address: str, md5: str | None = None) -> Path:
    """The file behind a name of toolkit/data.py, such as ``CIFAR10``.

    Raises:
        Missing: no network, or a wrong checksum.
    """
    data = toolkit("data")
    try:
        return Path(data.fetch(getattr(data, address), md5=getattr(data, md5) if md5 else None))
    except data.DataError as error:
        raise Missing(str(error)) from error


def placed(variable: str, usual: str, source: str) -> Callable[[], Path]:
    """A finder of a file that its reader has to get: where ``variable`` says, or at ``usual``."""

    def find() -> Path:
        path = Path(os.environ.get(variable) or usual)
        if not path.is_file():
            raise Missing(
                f"{path} is not there: get it from {source}, and put it there or say where it is in {variable}"
            )
        return path

    return find


def executed(file: str, chosen: Sequence[str], names: dict[str, Any]) -> dict[str, Any]:
    """``names`` after sections of a chapter ran in them, without their output and their asserts, which know the chapter's data."""
    found = sections.parse((HERE.snippets / file).read_text(encoding="utf-8"), file)
    with contextlib.redirect_stdout(io.StringIO()):
        for section in chosen:
            tree = ast.parse(found[section].code)
            tree.body = [node for node in tree.body if not isinstance(node, ast.Assert)]
            exec(compile(tree, f"<{file}:{section}>", "exec"), names)
    return names


def defined(file: str, needed: Sequence[str], constants: Sequence[str] = ()) -> dict[str, Any]:
    """What sections of a chapter define, with all that the chapter imports, and constants of it."""
    found = sections.parse((HERE.snippets / file).read_text(encoding="utf-8"), file)
    names: dict[str, Any] = {"__name__": "__main__"}
    for name, section in found.items():
        tree = ast.parse(section.code)
        tree.body = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom) or _sets(n, constants)]
        exec(compile(tree, f"<{file}:{name}>", "exec"), names)
    for name in needed:
        exec(definitions(found[name].code, f"<{file}:{name}>"), names)
    return names


def _sets(node: ast.stmt, names: Sequence[str]) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in node.targets)


# ---- The four ---------------------------------------------------------------------------------------------------------


def cifar2(archive: Path, seeds: Sequence[int], *, epochs: int = 8) -> Figures:
    """The colour network of workflow/images on airplanes and automobiles: the share of the test pictures that is right."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    data = toolkit("data")
    needed = (
        "shift_batch",
        "conv_block",
        "train_step",
        "evaluate_step",
        "epochs",
        "fit",
        "test_accuracy",
        "train_colour",
    )
    page = defined("workflow/images.py", needed)
    folder = data.unpack(archive)
    (x, y), (x_test, y_test) = data.cifar2(folder), data.cifar2(folder, train=False)
    level, scale = (getattr(x.double(), moment)(dim=(0, 2, 3))[:, None, None] for moment in ("mean", "std"))
    train, x_test = TensorDataset((x - level) / scale, y), (x_test - level) / scale
    shares = []
    for seed in seeds:
        torch.manual_seed(seed)
        net, loader = page["colour_net"](), DataLoader(train, batch_size=64, shuffle=True)
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=epochs * len(loader))
        for _ in range(epochs):
            page["train_epoch"](net, loader, torch.nn.CrossEntropyLoss(), optimizer, schedule)
        found = torch.cat([page["predict"](net, part).argmax(dim=1) for part in x_test.split(500)])
        shares.append((found == y_test).double().mean().item())
    return {"accuracy": shares}


def covid(table: Path, seeds: Sequence[int], *, epochs: int = 20) -> Figures:
    """The nets of workflow/time_series on the first wave of twelve countries.

    They know the days up to 2020-05-10 and forecast the 30 days after.

    Returns:
        ``error`` of the median of four nets, ``error_naive`` of "as today": root of the mean relative squared error.
    """
    import torch
    from torch import nn
    from torch.optim.lr_scheduler import CosineAnnealingLR

    read = toolkit("data").covid
    new = torch.tensor([read(table, country).iloc[:200].clip(lower=0).tolist() for country in COUNTRIES]).double()
    errors: Figures = {"error": [], "error_naive": []}
    for seed in seeds:
        names: dict[str, Any] = {"__name__": "__main__", "today": 110, "day": torch.arange(6, 200), "torch": torch}
        names["totals"] = new.cumsum(dim=1)
        names["recipes"] = {
            "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=8 * epochs)
        }  # 8 batches an epoch
        executed("workflow/time_series.py", (*time_series.DATA, *time_series.MODEL), names)
        torch.manual_seed(seed)
        kinds = (nn.LSTM, nn.LSTM, nn.GRU, nn.GRU)
        names["nets"] = [names["fit"](kind, names["recipes"]["cosine"], epochs)[0].eval() for kind in kinds]
        names["names"] = [kind.__name__ for kind in kinds]
        executed("workflow/time_series.py", ("roll_out",), names)
        known, truth = names["known"], names["future"][:, :30].clamp_min(1)
        paths = torch.stack([names["roll_out"](net, known, days=30) for net in names["nets"]])
        forecasts = {"error": paths.median(dim=0).values, "error_naive": known[:, -1:].expand(-1, 30)}
        for name, forecast in forecasts.items():
            errors[name].append(names["loss_fn"](forecast, truth).sqrt().item())
    return errors


def criteo(path: Path, seeds: Sequence[int], *, rows: int = 1_000_000) -> Figures:
    """FM of recommendation/fm on the first million rows, in the file's order: AUC on the last tenth."""
    import torch

    page = defined("recommendation/fm.py", ("criteo_train",))
    areas = []
    for seed in seeds:
        torch.manual_seed(seed)
        _, logits, clicked = page["train_on_criteo"](path, rows)
        areas.append(float(toolkit("metrics").auc(logits, clicked)))
    return {"AUC": areas}


def titanic(path: Path, seeds: Sequence[int]) -> Figures:
    """Logistic regression of workflow/tabular with eight columns and with all, over ten splits: mean AUC on the test rows."""
    page = defined("workflow/tabular.py", TITANIC, ("classes", "allowed"))
    people = toolkit("passengers").titanic_csv(path)
    table = page["columns_compared"](people, splits=10)
    return {f"AUC, {columns} columns": [float(value) for value in table[columns]] for columns in ("eight", "all")}


ORIGINALS: Mapping[str, Original] = {
    "cifar2": Original(lambda: downloaded("CIFAR10", "CIFAR10_MD5"), cifar2),
    "covid": Original(lambda: downloaded("COVID"), covid),
    "criteo": Original(placed("CRITEO", "train.txt", "https://ailab.criteo.com/ressources/"), criteo),
    "titanic": Original(placed("TITANIC", "kaggle/train.csv", "https://www.kaggle.com/c/titanic/data"), titanic),
}


# ---- The command ------------------------------------------------------------------------------------------------------


def sha256(path: Path) -> str:
    """The checksum of a file that may be larger than the memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def trained(name: str, seeds: Sequence[int], *, today: datetime.date | None = None) -> dict[str, Any]:
    """What is kept of an original: date, file, checksum, versions, figures.

    Raises:
        Missing: its file is not there.
    """
    original, here = ORIGINALS[name], machine()
    path = original.find()
    figures = original.run(path, seeds)
    return {
        "date": (today or datetime.datetime.now(datetime.UTC).date()).isoformat(),
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "torch": here.torch,
        "cpu": here.cpu,
        "figures": {
            figure: {
                "mean": round(statistics.mean(values), 4),
                "spread": round(statistics.stdev(values), 4) if len(values) > 1 else 0.0,
                "runs": len(values),
            }
            for figure, values in figures.items()
        },
    }


def main(arguments: Sequence[str] | None = None, *, tree: Tree = HERE, say: Callable[[str], None] = print) -> int:
    """Train on each original that is at hand; 1 if one that was named, or each of them, is not."""
    parser = argparse.ArgumentParser(prog="python -m bench.originals", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all: {', '.join(ORIGINALS)}")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in ORIGINALS]
    if unknown or chosen.seeds < 1:
        wrong = f"there is no original {unknown[0]!r}" if unknown else f"--seeds {chosen.seeds} is less than 1"
        say(f"error: {wrong}; choose from {', '.join(ORIGINALS)}, and at least one seed")
        return 2
    missing = []
    for name in chosen.names or ORIGINALS:
        try:
            kept = trained(name, range(chosen.seeds))
        except Missing as error:
            missing.append(name)
            say(f"{name}: not run: {error}")
            continue
        path = tree.root / originals.FILE
        write_atomically(path, json.dumps({**originals.read(tree), name: kept}, indent=1, sort_keys=True) + "\n")
        say(f"{name}: " + ", ".join(f"{f} {v['mean']} ± {v['spread']}" for f, v in kept["figures"].items()))
    return int(bool(missing) and (bool(chosen.names) or len(missing) == len(ORIGINALS)))


if __name__ == "__main__":
    sys.exit(main())
