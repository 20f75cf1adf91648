"""Counts what the prose says too often. It informs and never fails: ``python tests/tics.py [PART ...]``.

A paragraph "opens without a verb" if none of the words of its first sentence is in ``VERBS``: a heuristic that errs in
single cases and ranks pages well.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

PAGES = Path(__file__).resolve().parent.parent / "docs" / "en"
OPENERS, SHORT = "opens without a verb", "sentence of 4 words or fewer"
TICS = {
    "the assert holds": r"\basserts? (?:\w+ )?(?:hold|holds)\b",
    "want": r"\bwant(?:s|ed)?\b",
    "mend, cure": r"\b(?:mend|cure)(?:s|ed|ing)?\b",
    "the last line, assert": r"\blast (?:line|lines|assert|asserts)\b",
    "of your own": r"\bof (?:your|its|their|his|our|one's) own\b",
    "by hand": r"\bby hand\b",
    "in place of": r"\bin place of\b",
    "without a word": r"\bwithout (?:any |a )?(?:message|word|error|warning|complaint)\b|\bno (?:error|message)\b",
    "trap": r"\btraps?\b",
    "hardly": r"\bhardly\b",
    "relatives": r"\brelatives\b|\brelative of\b",
    "refuses": r"\brefuse(?:s|d)?\b",
    "says so": r"\bsay(?:s)? so\b",
    "Whoever, Mind": r"\bWhoever\b|\bMind (?:the|that)\b",
    "So opens a sentence": r"(?:^|[.!?:] )So\b,? ",
}
VERBS = frozenset(
    """
    is are was were be been am has have had do does did don't doesn't didn't isn't aren't wasn't can can't cannot could will
    won't would may might must should shall needn't let it's that's there's you'll you've you're they're what's here's
    add adds added agree agrees allow allows answer answers appear appears apply applies are ask asks assume assumes become
    becomes begin begins belong belongs break breaks bring brings build builds call calls came carry carries catch catches
    choose chooses come comes compare compares compute computes consists contain contains convert converts copies costs
    count counts create creates cut cuts decide decides depend depends describe describes differ differs divide divides draw
    draws drop drops end ends exist exists expect expects fail fails fall falls fill fills find finds fit fits follow follows
    forget forgets gave get gets give gives go goes grew grow grows happen happens help helps hold holds imagine import
    improve improves include includes join joins keep keeps knew know knows last lasts lead leads learn learns learned leave
    leaves lie lies like likes look looks lose loses lost made make makes matters mean means measure measures move moves
    multiplies multiply need needs note number occur occurs pass passes pay pays pick picks predict predicts print prints
    promise promises prove proves provide provides put puts raise raises ran reach reaches read reads receive receives
    remain remains remember remembers remove removes repeat repeats replace replaces return returns reverse reverses run runs
    said save saves saw say says see sees seem seems send sends separate separates set sets share shares shift shrink shrinks
    show shows shown sit sits skip skips split splits stand stands start starts stay stays stop stops store stores subtract
    sum sums swap swaps take takes taken teach teaches tell tells think thinks tie told took train trains treat treats tries
    try turn turns understand use used uses wait waits want wants went work works write writes wrote fixes fix trade trades
    accept accepts rejects reject beats beat guess guesses consider suppose check checks loads load produce produces acts
    bend compete confuse darken darkens deals derive derives detach doubles enlarges exchange exchanges gate halve halves
    lay manages multiply normalise normalises overlap overlaps overshoots pads pulls rebuild rise rises scales settles
squeezes subtracts survives unpacks walk widens became broadcasts changed connects expands hands inserts maps meets merges
    minimises mirrors preserves rounds undo undoes wins
    """.split()
)
CODE = re.compile(r"^( *)(```+|~~~+).*?^\1\2[ \t]*$", re.MULTILINE | re.DOTALL)
ALT = re.compile(r'alt="([^"]*)"')
ASIDE = re.compile(r"^\s*(?:#|\||!!!|\?\?\?|--8<--|\$\$|[-*] |\d+\. |\*\*)")


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a page, code spans as the word ``code``; without headings, tables, lists, fences, front matter."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = CODE.sub("\n", text)
    found = []
    for part in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        if lines and not ASIDE.match(lines[0]):
            joined = re.sub(r"`[^`]+`|\$[^$]+\$", "code", " ".join(lines))
            found.append(re.sub(r"\]\([^)]*\)", "]", joined).replace("’", "'"))
    return found


def sentences(paragraph: str) -> list[str]:
    """A paragraph's sentences, split where a capital, a code span or emphasis follows the end of one."""
    return [part for part in re.split(r"(?<=[.!?])\s+(?=[A-Z*`\[\"“]|code\b)", paragraph) if part]


def has_verb(sentence: str) -> bool:
    """Whether a word of it is in the list of verbs, up to its colon."""
    return not VERBS.isdisjoint(re.findall(r"[a-z']+", sentence.partition(":")[0].lower()))


def count(text: str) -> Counter[str]:
    """How often each habit occurs on a page; alt texts count as prose, except for openers and lengths."""
    told = paragraphs(text)
    prose = "\n".join([*told, *ALT.findall(text)])
    counts = Counter(
        {name: len(re.findall(pattern, prose, re.MULTILINE | (0 if "open" in name or "Mind" in name else re.IGNORECASE)))
         for name, pattern in TICS.items()}
    )  # fmt: skip
    counts[OPENERS] = sum(not has_verb(sentences(paragraph)[0]) for paragraph in told)
    counts[SHORT] = sum(len(one.split()) <= 4 for paragraph in told for one in sentences(paragraph))
    return counts


def report(folder: Path, parts: list[str]) -> str:
    """A line for each page that begins with one of ``parts`` (all pages without any), columns numbered, and the sums."""
    columns = [*TICS, OPENERS, SHORT]
    pages = {str(file.relative_to(folder).with_suffix("")): file for file in sorted(folder.rglob("*.md"))}
    chosen = [name for name in pages if not parts or name.startswith(tuple(parts))]
    counts = {name: count(pages[name].read_text(encoding="utf-8")) for name in chosen}
    counts["in sum"] = sum(counts.values(), Counter())
    width = max(map(len, counts))
    lines = [f"{number:2} {column}" for number, column in enumerate(columns, 1)]
    lines.append(" " * width + "".join(f"{number:4}" for number in range(1, len(columns) + 1)))
    lines += [f"{name:{width}}" + "".join(f"{row[column]:4}" for column in columns) for name, row in counts.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(PAGES, sys.argv[1:]))
