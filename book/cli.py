"""``python -m book COMMAND``: the engine's commands."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree

if TYPE_CHECKING:
    from book.prove.check import Report  # its imports take longer than finding an answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 well, 1 something failed, 2 bad arguments)."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BookError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def run() -> int:
    """``main`` for a terminal: letters that it lacks become question marks, a reader that closes the pipe is no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = main()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at the end
        return 0


def _positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _port(text: str) -> int:
    """A port, for argparse; 0 lets the system choose."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, got {number}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m book", description="The engine of Runnable PyTorch.")
    parser.add_argument(
        "--root", type=lambda p: Tree(Path(p).resolve()), default=HERE, help="another checkout (default: this one)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("check", help="run pages and compare with their records")
    one.add_argument("pages", nargs="*", metavar="PAGE", help="such as concepts/autograd, or a part; default: all")
    one.add_argument("--ignore-hashes", action="store_true", help="compare outputs even where the code changed")
    one.add_argument("--workers", type=_positive, help="pages at a time (default: cores)")
    one.add_argument(
        "--prove", action="store_true", help="all pages: note in docs/records/machines.json on what the book was proven"
    )
    one.set_defaults(run=_check)

    one = commands.add_parser(
        "ladder", help="check the book on another torch, in an environment of its own (several GB)"
    )
    one.add_argument("torch", metavar="TORCH", help="such as 2.15.0, or newest")
    one.add_argument("pages", nargs="*", metavar="PAGE", help="default: all; such a run is noted in the records")
    one.add_argument("--python", default=sys.executable, help="makes the environment (default: the one that runs this)")
    one.set_defaults(run=_ladder)

    one = commands.add_parser("portable", help="check pages under other kernels and numbers of threads (slow; nightly)")
    one.add_argument("pages", nargs="*", metavar="PAGE")
    one.add_argument("--workers", type=_positive, help="pages at a time (default: cores, divided by a world's threads)")
    one.set_defaults(run=_portable)

    one = commands.add_parser("core", help="run the core path of pages, without the sections beyond it (nightly)")
    one.add_argument("pages", nargs="*", metavar="PAGE")
    one.add_argument("--workers", type=_positive)
    one.set_defaults(run=_core)

    one = commands.add_parser("record", help="run pages and rewrite their records")
    one.add_argument("pages", nargs="*", metavar="PAGE")
    one.add_argument("--workers", type=_positive)
    one.set_defaults(run=_record)

    one = commands.add_parser(
        "shake", help="run pages under rounding noise of one unit in the last place; what differs from its record?"
    )
    one.add_argument("pages", nargs="*", metavar="PAGE")
    one.add_argument("--seeds", type=_positive, default=3, metavar="N", help="runs of each page (default 3)")
    one.add_argument("--workers", type=_positive)
    one.set_defaults(run=_shake)

    one = commands.add_parser("shapes", help="the code of pages with the shape of each line's tensors")
    one.add_argument("pages", nargs="*", metavar="PAGE")
    one.add_argument("--record", action="store_true", help="run the pages and write the shapes into their records")
    one.add_argument("--workers", type=_positive)
    one.set_defaults(run=_shapes)

    one = commands.add_parser("mutate", help="change literals, operators and names of a snippet; does check notice?")
    one.add_argument("page")
    one.add_argument("--n", type=_positive, default=50, help="mutants to draw (default 50)")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--workers", type=_positive)
    one.add_argument("--at-least", type=float, default=0.9, help="exit 1 below this share (default 0.9)")
    one.set_defaults(run=_mutate)

    one = commands.add_parser(
        "gpu", help="run pages on the accelerator, compare with the records, write docs/records/gpu.json"
    )
    one.add_argument("pages", nargs="*", metavar="PAGE")
    one.add_argument(
        "--device", choices=["sim"], help="sim: pages as shown beside a simulated accelerator; gpu.json stays as it is"
    )
    one.add_argument("--moved", action="store_true", help="of the simulation: moved, and note in the records what does")
    one.add_argument("--prove", action="store_true", help="of the simulation, all pages: note it in machines.json")
    one.add_argument("--workers", type=_positive, help="pages at a time (default: cores; 1 on a real accelerator)")
    one.set_defaults(run=_gpu)

    one = commands.add_parser("find", help="where the book has a name, a task, a term or an error message, with code")
    one.add_argument("query", nargs="+", help="torch.autograd.grad, x.view, 'second derivative'")
    one.add_argument("--json", action="store_true", help="everything that was found, for programs")
    one.add_argument("--language", choices=LANGUAGES, default="en")
    one.add_argument("--most", type=_positive, default=3, help="examples to print with their code (default 3)")
    one.set_defaults(run=_find)

    one = commands.add_parser(
        "mcp", help="serve the book to agents: Model Context Protocol on stdin and stdout, read-only"
    )
    one.set_defaults(run=_mcp)

    one = commands.add_parser("bench", help="measure the engine and the site; appends to bench/bench.json")
    one.add_argument("--quick", action="store_true", help="small sizes, nothing is appended")
    one.set_defaults(run=_bench)

    one = commands.add_parser("copy", help="print the program that runs one block alone")
    one.add_argument("block", metavar="PAGE:BLOCK", help="such as concepts/autograd:backward_scalar")
    one.add_argument("--to", type=Path, metavar="FILE", help="write it to a file instead")
    one.add_argument("--force", action="store_true", help="overwrite the file")
    one.set_defaults(run=_copy)

    one = commands.add_parser("apis", help="the public names of torch that each recorded block uses")
    one.add_argument("pages", nargs="*", metavar="PAGE")
    task = one.add_mutually_exclusive_group()
    task.add_argument("--coverage", action="store_true", help="how many of all public names some block uses")
    task.add_argument(
        "--goals", action="store_true", help="groups of operations that chapters must show: coverage, goal"
    )
    task.add_argument("--score", action="store_true", help="precision and recall against tests/apis_labelled")
    task.add_argument("--update", action="store_true", help="rewrite book/names/apis.json from the installed torch")
    one.set_defaults(run=_apis)

    one = commands.add_parser(
        "notice", help="which public names a block would miss: replaced by one that gives nothing"
    )
    one.add_argument(
        "pages", nargs="*", metavar="PAGE", help="only names that these pages use; default: all not known yet"
    )
    one.add_argument("--workers", type=int)
    one.set_defaults(run=_notice)

    one = commands.add_parser("stage", help="expand every page, with its recorded outputs, into build/en and build/zh")
    one.set_defaults(run=_stage)

    one = commands.add_parser(
        "audit", help="both languages equal, every snippet line shown, links resolve, no stem shadows a module"
    )
    one.set_defaults(run=_audit)

    one = commands.add_parser("build", help="stage and build both languages into site/")
    one.add_argument("--site-url", help="the address it will be served at (default: mkdocs.yml's)")
    one.set_defaults(run=_build)

    one = commands.add_parser("offline", help="build both languages into a zip whose pages work as files")
    one.set_defaults(run=_offline)

    one = commands.add_parser("results", help="what chapters promise to reach, held against the records")
    one.add_argument("chapters", nargs="*", metavar="CHAPTER", help="with --seeds: such as tabular; default: all")
    one.add_argument("--seeds", type=_positive, metavar="N", help="train again with N seeds; tell mean and spread")
    one.set_defaults(run=_results)

    one = commands.add_parser("weigh", help="what each chapter of the built site weighs on a first visit, gzipped")
    one.set_defaults(run=_weigh)

    one = commands.add_parser("serve", help="build both languages and serve them with live reload")
    one.add_argument("--host", default="127.0.0.1")
    one.add_argument("--port", type=_port, default=8000)
    one.set_defaults(run=_serve)
    return parser


def _check(options: argparse.Namespace) -> int:
    from book.prove import check as checking
    from book.prove import proven
    from book.record import ladder, machines

    if options.prove and (options.pages or options.ignore_hashes):
        raise BookError("--prove is for all pages and their records: name no page, and leave out --ignore-hashes")
    report = checking.check(
        options.root,
        options.pages,
        ignore_hashes=options.ignore_hashes,
        workers=options.workers,
        say=checking.progress(),
    )
    status = _tell(report)
    if options.prove:
        world = os.environ.get("BOOK_WORLD", "")
        machines.write(options.root, proven.proof(options.root, report, world))
        print(f"noted in {options.root.relative(options.root.records / machines.FILE)}")
        if not world:  # the matrix is about versions, with the kernels that they choose
            ladder.write(options.root, proven.rung(options.root, report))
            print(f"noted in {options.root.relative(options.root.records / ladder.FILE)}")
    return status


def _ladder(options: argparse.Namespace) -> int:
    from book.prove import ladder_run

    def say(line: str) -> None:
        print(line, flush=True)

    return ladder_run.climb(options.root, options.torch, options.pages, options.python, say)


def _portable(options: argparse.Namespace) -> int:
    from book.prove import portable
    from book.prove.check import progress

    reports = portable.portable(options.root, options.pages, workers=options.workers, progress=progress())
    return 0 if all(report.ok for report in reports.values()) else 1


def _core(options: argparse.Namespace) -> int:
    from book.prove import core
    from book.prove.check import progress

    return _tell(core.run(options.root, options.pages, workers=options.workers, say=progress()))


def _record(options: argparse.Namespace) -> int:
    from book.prove import recording
    from book.prove.check import progress

    report, changes = recording.record(options.root, options.pages, workers=options.workers, say=progress())
    for line in changes:
        print(line)
    return _tell(report)


def _shapes(options: argparse.Namespace) -> int:
    from book.prove import shapes
    from book.prove.check import progress

    if not options.record:
        for text in shapes.shown(options.root, options.pages):
            print(text)
        return 0
    report, changes = shapes.record_shapes(options.root, options.pages, workers=options.workers, say=progress())
    print("\n".join(changes))
    return _tell(report)


def _shake(options: argparse.Namespace) -> int:
    from book.prove import shake
    from book.prove.check import progress

    report = shake.shake(options.root, options.pages, seeds=options.seeds, workers=options.workers, say=progress())
    for verdict in report.verdicts:
        if verdict.status != "failed" and verdict.message:
            print(f"{verdict.page}::{verdict.block}: {verdict.message}")
    return _tell(report)


def _tell(report: Report) -> int:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    for problem in report.problems:
        print(f"error: {problem}", file=sys.stderr)
    for verdict in report.failed:
        print(f"FAILED {verdict.page}::{verdict.block}\n  {verdict.message}", file=sys.stderr)
    counts = {status: sum(v.status == status for v in report.verdicts) for status in ("passed", "failed", "skipped")}
    blocks = sum(v.seconds for v in report.verdicts)
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count or status == "passed")
    print(f"{told}; {len(report.runs)} pages, blocks {blocks:.1f} s, wall {report.seconds:.1f} s")
    return 0 if report.ok else 1


def _apis(options: argparse.Namespace) -> int:
    from book.names import apis, coverage, leftout, update
    from book.prove import check

    if options.update:
        made, new, gone = update.update()
        for line in [f"new: {name}" for name in new] + [f"gone: {name}" for name in gone]:
            print(line)
        print(f"{len(made.by_name)} names of torch {made.torch}: {len(new)} new, {len(gone)} gone")
        return 0
    if options.score:
        from book.prove import score
        from book.run.session import Sessions

        with Sessions() as sessions:
            result = score.score(options.root, sessions)
        print(result)
        return 0 if result.good else 1
    recorded, problems = check.read_records(options.root, check.load_pages(options.root, options.pages))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    cells = [(name, cell) for name, record in recorded.items() for cell in record.cells]
    used = [api for _, cell in cells for api in cell.apis]
    if options.goals:
        goals = coverage.goals(apis.load(), used)
        print(*goals, sep="\n")
        return 0 if all(goal.met for goal in goals) and not problems else 1
    if options.coverage:
        wrong = leftout.problems(apis.load(), used)
        for problem in wrong:
            print(f"error: {problem}", file=sys.stderr)
        problems += wrong
        print(coverage.coverage_table(apis.load(), used))
        print(leftout.table(leftout.operations(apis.load(), used)))
    else:
        for page, cell in cells:
            print(f"{page}: {cell.name}: {', '.join(cell.apis) or '-'}")
    return 1 if problems else 0


def _notice(options: argparse.Namespace) -> int:
    from book.names import apis
    from book.prove import check, notice
    from book.prove.check import progress

    known, problems = check.read_records(options.root, check.load_pages(options.root))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    found = notice.notice(options.root, known, apis.load(), options.pages, workers=options.workers, say=progress())
    for row in found.values():
        if not row.page:
            print(f"{row.name}: {row.why}")
    print(f"{sum(bool(row.page) for row in found.values())} of {len(found)} names would be missed")
    return 1 if problems else 0


def _stage(options: argparse.Namespace) -> int:
    from book.site import stage

    changed = stage.stage(options.root)
    print(f"{len(changed)} files written under build/")
    return 0


def _build(options: argparse.Namespace) -> int:
    from book.site import build

    target = build.build(options.root, site_url=options.site_url)
    print(f"built {options.root.relative(target)}/: English at /, 中文 at /zh/")
    return 0


def _offline(options: argparse.Namespace) -> int:
    from book.site import offline

    made = offline.pack(options.root)
    size = made.stat().st_size / 1e6
    print(f"wrote {options.root.relative(made)} ({size:.1f} MB): unpack it, open index.html")
    return 0


def _results(options: argparse.Namespace) -> int:
    from book.prove import results

    if options.seeds:
        from bench import retrain

        retrain.over_seeds(options.root, options.chapters, options.seeds, lambda line: print(line, flush=True))
        return 0
    found = results.results(options.root)
    print(results.table(found))
    return 0 if all(result.good for result in found) else 1


def _weigh(options: argparse.Namespace) -> int:
    from book.site import weight

    found = weight.weights(options.root, options.root.root / "site")
    print(weight.table(found))
    return 0 if all(w.good for w in found) else 1


def _serve(options: argparse.Namespace) -> int:
    from book.site import build

    return build.serve(options.root, options.host, options.port)


def _audit(options: argparse.Namespace) -> int:
    from book.prove.audit import audit

    problems = audit(options.root)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


def _mutate(options: argparse.Namespace) -> int:
    from book.prove import mutate
    from book.prove.check import progress

    outcomes = mutate.mutate(options.root, options.page, options.n, options.seed, options.workers, progress())
    text, score = mutate.report(outcomes)
    print(text)
    return 0 if score >= options.at_least else 1


def _gpu(options: argparse.Namespace) -> int:
    from book.prove import on_gpu, proven
    from book.prove.check import progress
    from book.record import ladder, machines
    from book.record.gpu import MOVED, SHOWN

    if options.prove and (options.pages or not options.device):
        raise BookError("--prove is for --device sim and all pages: name no page")
    if options.moved:
        return _move(options)
    if options.device:
        report = on_gpu.simulate(options.root, options.pages, workers=options.workers, say=progress())
        if options.prove:
            machines.write(options.root, proven.proof(options.root, report, machines.SIMULATED))
            ladder.write(options.root, proven.rung(options.root, report, ladder.SIMULATED))
        status = _tell(report)
        for file in (machines.FILE, ladder.FILE) if options.prove else ():
            print(f"noted in {options.root.relative(options.root.records / file)}")
        return status
    report, made = on_gpu.run_on_gpu(options.root, options.pages, progress(), options.workers or 1)
    status = _tell(report)
    for mode in (SHOWN, MOVED):
        of = [b for b in made.blocks if b.mode == mode]
        print(
            f"{made.gpu}, torch {made.torch}, {mode}: {sum(b.passed for b in of)} of {len(of)} blocks print their record"
        )
    return status


def _move(options: argparse.Namespace) -> int:
    from book.prove import on_gpu
    from book.prove.check import progress

    if not options.device or options.prove:
        raise BookError("--moved is for --device sim, without --prove")
    for page, words in on_gpu.move(options.root, options.pages, workers=options.workers, say=progress()):
        counts = Counter(words.values())
        print(f"{page}: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}")
    return 0


def _find(options: argparse.Namespace) -> int:
    from book.find import ask

    data, text, status = ask.answer(options.root, " ".join(options.query), options.language, options.most)
    if options.json:
        print(json.dumps(data, ensure_ascii=False, indent=1))
    else:
        print(text, file=sys.stderr if status else sys.stdout)
    return status


def _mcp(options: argparse.Namespace) -> int:
    from book.find import agents

    return agents.serve(options.root)


def _bench(options: argparse.Namespace) -> int:
    from bench import measure

    return measure.main(options.root, quick=options.quick)


def _copy(options: argparse.Namespace) -> int:
    from book.find import passages
    from book.ground.files import write_atomically

    text = passages.program(options.root, options.block)
    if options.to is None:
        print(text, end="")
        return 0
    if options.to.exists() and not options.force:
        raise BookError(f"{options.to} exists: choose another name, or say --force to overwrite it")
    write_atomically(options.to, text)
    print(f"wrote {options.to}")
    return 0
