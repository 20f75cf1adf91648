"""How well the book is found: our own questions, asked of the search, half of them never looked at while it was tuned.

    python -m bench.search            the table; --misses lists what the tuned half misses, --write keeps the figures

The figures stand in docs/records/search.json, for the status page. The terminal's answers are measured, which are those of
the page's box (tests/test_finder_browser.py compares them).
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from book.find import store
from book.find.documents import read_sections
from book.ground.files import write_atomically
from book.ground.tree import HERE, Tree

QUESTIONS = Path(__file__).with_name("questions.json")
AT = (1, 3, 10)


@dataclass(frozen=True)
class Asked:
    """A question and the rank of its first right answer; 0: none of the ten is right."""

    question: Mapping[str, Any]
    rank: int
    seconds: float
    found: tuple[str, ...]

    @property
    def held(self) -> bool:
        return held(self.question)


def held(question: Mapping[str, Any]) -> bool:
    """Whether a question is of the half that nobody tuned by. One written for tuning says ``"half": "tuned"``."""
    return question.get("half") != "tuned" and zlib.crc32(str(question["q"]).encode()) % 2 == 0


def chains(tree: Tree, language: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Page -> id -> the ids of the headings above it, and itself."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for page in tree.pages(language):
        here = found.setdefault(page, {})
        for section in read_sections(tree, page, language):
            chain = (*(anchor for anchor, _ in section.above), section.anchor)
            here[section.anchor] = chain
            here |= {f"code-{block}": (*chain, f"code-{block}") for block in section.blocks}
    return found


def right(address: str, accept: Iterable[str], known: Mapping[str, Mapping[str, tuple[str, ...]]]) -> bool:
    """Whether an answer's address is one of the accepted places, as they are written in questions.json."""
    path, _, ident = address.partition("#")
    page = path.strip("/") or "index"
    chain = known.get(page, {}).get(ident, (ident,) if ident else ())
    for one in accept:
        kind, _, name = one.partition(":")
        if kind == "api" and name in chain:
            return True
        if (
            kind == "toolkit"
            and name
            and page.startswith("toolkit")
            and any(i == name or i.endswith(f".{name}") for i in chain)
        ):
            return True
        wanted, hash_, anchor = one.partition("#")
        if wanted == page and (anchor in chain if anchor else not hash_ or len(chain) < 2):
            return True
    return False


def ask(tree: Tree, questions: Iterable[Mapping[str, Any]], **options: Any) -> list[Asked]:
    """Put the questions to the search of their site: English ones to the English, others to the Chinese."""
    answered = []
    searchers: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for question in questions:
        language = "en" if question["lang"] == "en" else "zh"
        if language not in searchers:
            searchers[language], known[language] = store.searcher(tree, language, whole=True), chains(tree, language)
        begun = time.perf_counter()
        found = [answer["address"] for answer in searchers[language].find(question["q"], **options)["answers"]]
        took = time.perf_counter() - begun
        ranks = (n for n, address in enumerate(found, 1) if right(address, question["accept"], known[language]))
        answered.append(Asked(question, next(ranks, 0), took, tuple(found)))
    return answered


def recall(rows: list[Asked]) -> list[float]:
    """Shares of the questions whose first right answer is among the first 1, 3 and 10."""
    return [sum(0 < row.rank <= k for row in rows) / len(rows) if rows else 0.0 for k in AT]


def table(rows: list[Asked]) -> list[dict[str, Any]]:
    """A row for each language and half."""
    made = []
    for language in ("en", "zh", "mixed"):
        for half in (False, True):
            some = [row for row in rows if row.question["lang"] == language and row.held == half]
            made.append(
                {
                    "language": language,
                    "held": half,
                    "questions": len(some),
                    "recall": [round(r, 4) for r in recall(some)],
                }
            )
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="list what the tuned half does not find first")
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/records/search.json")
    parser.add_argument("--queries", type=Path, default=QUESTIONS)
    options = parser.parse_args()
    rows = ask(HERE, json.loads(options.queries.read_text(encoding="utf-8")))
    if options.misses:
        for row in rows:
            if not row.held and row.rank != 1:
                print(f"{row.question['id']} {row.rank:2} {row.question['q']!r}: {', '.join(row.found[:4])}")
    made = table(rows)
    for one in made:
        cells = "  ".join(f"@{k} {100 * r:5.1f}" for k, r in zip(AT, one["recall"], strict=True))
        print(f"{one['language']:6}{'held back' if one['held'] else 'tuned':10}{one['questions']:4}  {cells}")
    if options.write:
        data = {"date": datetime.date.today().isoformat(), "rows": made}
        write_atomically(HERE.records / "search.json", json.dumps(data, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
