"""A pytest plugin: the tiers of the run. Orders files by seconds, tells what each tier took, and that nothing ran twice.

What is costly (a page's session, the standalone programs, a build of the real site) notes each of its runs with ``ran``;
the process that gathers the results fails the whole run when one of them ran more than once in all workers together.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import rotation

from book.prove.pytest_plugin import RUNS, PageFile

LOUD = 1.5  # times its budget: from here on a tier is told loudly
USUAL = 5.0  # seconds of a file that tiers.toml does not name
NAMES = ("blocks", "programs", "browser", "site", "faults", "engine")
SPENT = pytest.StashKey[dict[str, float]]()
TOTALS = pytest.StashKey[Counter[str]]()


@dataclass(frozen=True)
class Tiers:
    """Budgets in worker seconds by tier, patterns of files by tier, expected seconds by file."""

    budgets: Mapping[str, float]
    files: Mapping[str, list[str]]
    seconds: Mapping[str, float]

    def of(self, file: str) -> str:
        """The tier of a test file or page, given relative to the root."""
        return next(tier for tier in NAMES if any(fnmatch(file, pattern) for pattern in self.files[tier]))

    def table(self, spent: Mapping[str, float]) -> list[str]:
        """What each tier took beside its budget; loud where it took far more."""
        lines = [f"{'tier':10} {'seconds':>8} {'budget':>8}"]
        for tier in NAMES:
            if tier not in spent:
                continue
            over = spent[tier] > LOUD * self.budgets[tier]
            loud = f"  OVER ITS BUDGET, {spent[tier] / self.budgets[tier]:.1f} times" if over else ""
            lines.append(f"{tier:10} {spent[tier]:8.0f} {self.budgets[tier]:8.0f}{loud}")
        return [*lines, f"{'in all':10} {sum(spent.values()):8.0f} {sum(self.budgets.values()):8.0f}"]


@cache
def load() -> Tiers:
    path = Path(__file__).with_suffix(".toml")
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    seconds = data.pop("seconds")
    assert tuple(data) == NAMES, f"{path.name} has the tiers {', '.join(data)}, not {', '.join(NAMES)}"
    return Tiers({n: t["budget"] for n, t in data.items()}, {n: t["files"] for n, t in data.items()}, seconds)


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).as_posix()


def expected(item: pytest.Item) -> float:
    """Seconds that the item's whole file is expected to take."""
    page = item.parent
    return page.recorded_seconds if isinstance(page, PageFile) else load().seconds.get(_file(item), USUAL)


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(load().of(_file(item)))
    longest = {file: expected(item) for item in items for file in [_file(item)]}
    items.sort(key=lambda item: (-longest[_file(item)], _file(item)))  # stable: within a file the order stays


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SPENT] = defaultdict(float)
    config.stash[TOTALS] = Counter()
    gatherer = _Gatherer(config)
    config.pluginmanager.register(gatherer, "tiers-gatherer")
    config.pluginmanager.register(_Teller(gatherer), "tiers-teller")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_FromWorkers(), "tiers-from-workers")


def pytest_report_header() -> str:
    return f"rotation: seed {rotation.week()} (the ISO week; BOOK_SEED=n for another)"


class _Gatherer:
    """Adds up seconds and runs, in the process that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        file = file if file.startswith("tests/") else f"docs/en/{file}"
        self.config.stash[SPENT][load().of(file)] += report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        runs = self.config.stash.get(RUNS, Counter())
        output = getattr(self.config, "workeroutput", None)
        if output is not None:  # a worker: the controller adds up
            output["runs"] = dict(runs)
            return
        self.config.stash[TOTALS].update(runs)
        if self.twice():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def twice(self) -> dict[str, int]:
        return {what: n for what, n in self.config.stash[TOTALS].items() if n > 1}


class _Teller:
    """The last lines of a run: the table of tiers and the names of what failed, below pytest's own summary, which can be long."""

    def __init__(self, gatherer: _Gatherer) -> None:
        self.gatherer = gatherer

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        yield
        told = session.config.pluginmanager.get_plugin("terminalreporter")
        if told is None or hasattr(session.config, "workeroutput"):
            return
        told.section("tiers, in seconds of all workers")
        for line in load().table(session.config.stash[SPENT]):
            told.write_line(line, red="OVER" in line)
        for what, n in sorted(self.gatherer.twice().items()):
            told.write_line(f"FAILED: {what} ran {n} times in this run, not once", red=True)
        for report in [*told.stats.get("failed", []), *told.stats.get("error", [])]:
            told.write_line(f"FAILED: {report.nodeid}", red=True)


class _FromWorkers:
    """Hooks that exist only where xdist is loaded."""

    @pytest.hookimpl
    def pytest_testnodedown(self, node: Any) -> None:
        node.config.stash[TOTALS].update(getattr(node, "workeroutput", {}).get("runs", {}))
