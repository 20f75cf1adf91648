# --8<-- [start:search]
"""A search over settings with W&B's own engine: local, in one process or several."""

import json
import os
import random
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial

import numpy as np
import psutil


class Stopped(Exception):
    """The search ends this trial early."""


class Queue:
    """The trials of a search, in an SQLite file that several processes may share.

    Args:
        path: the file; one that is there already goes on.
        config: of a sweep: method, parameters, metric, early_terminate.
        count: how many trials there are in all.
        seed: trial ``n`` is drawn from generators that ``seed + n`` seeds.

    Raises:
        ValueError: the engine can't search with this config; says why.

    Example:
        >>> parameters = {"lr": {"values": [0.1, 0.2]}}
        >>> config = {"method": "grid", "parameters": parameters}
        >>> queue = Queue("trials.db", config, count=5)  # doctest: +SKIP
        >>> queue.take()  # doctest: +SKIP
        (0, {'lr': 0.1})
    """

    def __init__(
        self, path: "str | os.PathLike", config: "Mapping", count: int, seed: int = 0
    ) -> None:  # fmt: skip
        check_config(config)
        self.path, self.config = os.fspath(path), dict(config)
        self.count, self.seed = count, seed
        with self.opened() as db:
            columns = "number integer primary key, settings, state, process, rows, note"
            db.execute(f"create table if not exists trials ({columns})")

    @contextmanager
    def opened(self) -> "Iterator[sqlite3.Connection]":
        """The file, which no other process may change meanwhile."""
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as db:
            db.execute("pragma synchronous = off")  # a power cut may cost the file
            db.execute("begin immediate")
            yield db
            db.execute("commit")  # after an error: nothing is changed

    def trials(self) -> list[dict]:
        """All trials so far: number, settings, state, rows, note."""
        with self.opened() as db:
            return read_trials(db)

    def take(self) -> "tuple[int, dict] | None":
        """The next trial, its number and settings; None when there is no more."""
        with self.opened() as db:
            found = read_trials(db)
            for trial in found:
                if trial["state"] == "running" and not psutil.pid_exists(trial["process"]):
                    trial["state"] = "crashed"
                    end_trial(db, trial["number"], "crashed", "its process ended")
            number = len(found)
            run = number < self.count and suggest(self.config, found, self.seed + number)
            if not run:
                return None
            settings = {name: plain(said["value"]) for name, said in run.config.items()}
            row = number, json.dumps(settings), "running", os.getpid(), "[]", ""
            db.execute("insert into trials values (?, ?, ?, ?, ?, ?)", row)
        return number, settings

    def report(self, number: int, **row: float) -> None:
        """Note numbers of one epoch of a trial.

        Args:
            number: the trial's.
            row: the numbers, the metric among them.

        Raises:
            Stopped: the trial is among the worst at this epoch.
        """
        with self.opened() as db:
            found = read_trials(db)
            found[number]["rows"].append(row)
            text = json.dumps(found[number]["rows"])
            db.execute("update trials set rows = ? where number = ?", (text, number))
        if "early_terminate" in self.config:
            worst = engine().stop_runs(self.config, [as_run(trial) for trial in found])
            if str(number) in {run.name for run in worst}:
                raise Stopped


def agent(queue: Queue, train: "Callable") -> None:
    """Take trials and train, until there is none left; errors mark their trial.

    Args:
        queue: where the trials come from.
        train: function of settings and of a function that reports an epoch's numbers.
    """
    while (trial := queue.take()) is not None:
        number, settings = trial
        state, note = "finished", ""
        try:
            train(settings, partial(queue.report, number))
        except Stopped:
            state = "killed"
        except Exception as error:
            state, note = "crashed", f"{type(error).__name__}: {error}"
        with queue.opened() as db:
            end_trial(db, number, state, note)


# --8<-- [end:search]


# --8<-- [start:engine]
def engine() -> object:
    """The package ``sweeps``, without the warnings of its import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sweeps
        import sweeps.bayes_search  # it would be imported by the first search, and draw
    return sweeps


def suggest(config: "Mapping", found: list[dict], seed: int) -> object:
    """The run that the engine wants next, or None; global generators stay as they were."""
    sweeps, before = engine(), (random.getstate(), np.random.get_state())
    random.seed(seed)  # random and grid search draw from this one,
    np.random.seed(seed)  # the Gaussian process of bayes from that one
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the Gaussian process
            return sweeps.next_run(config, [as_run(trial) for trial in found])
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def as_run(trial: "Mapping") -> object:
    """A trial as the engine knows it."""
    config = {name: {"value": value} for name, value in trial["settings"].items()}
    run = engine().SweepRun(name=str(trial["number"]), config=config, state=trial["state"])
    run.history = trial["rows"]  # the constructor would drop it without a word
    return run


def read_trials(db: sqlite3.Connection) -> list[dict]:
    """All rows of the table, as dicts."""
    names = "number settings state process rows note".split()
    rows = db.execute(f"select {', '.join(names)} from trials order by number")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [t | {"settings": json.loads(t["settings"]), "rows": json.loads(t["rows"])} for t in found]


def end_trial(db: sqlite3.Connection, number: int, state: str, note: str) -> None:
    """Mark a trial that ended."""
    said = state, note, number
    db.execute("update trials set state = ?, note = ? where number = ?", said)


def plain(value: object) -> object:
    """A NumPy number as one of Python, so that it can be written as JSON."""
    return value.item() if hasattr(value, "item") else value


def check_config(config: "Mapping") -> None:
    """Refuse what the engine can't search with.

    Args:
        config: of a sweep.

    Raises:
        ValueError: lists what is wrong.
    """
    engine()
    from sweeps.config.cfg import schema_violations_from_proposed_config as violations

    wrong = violations(dict(config)) if config.get("parameters") else ["no parameters"]
    needs = [n for n in ("early_terminate",) if n in config]
    needs += ["method bayes"] if config.get("method") == "bayes" else []
    if needs and "metric" not in config:  # the engine's schema lets this pass
        wrong.append(f"{' and '.join(needs)} needs a metric")
    if wrong:
        raise ValueError("sweep config: " + "; ".join(dict.fromkeys(wrong)))


# --8<-- [end:engine]
