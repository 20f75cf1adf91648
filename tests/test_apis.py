"""The list of public names, and the names that a running block uses (labelled blocks stand in apis_labelled/)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from book import cli
from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.names import apilist, apis, coverage, update
from book.prove import check, compare, observing, recording, score
from book.record import records
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import PageRun, Sessions
from book.source import ledger

UNIVERSE = Path(__file__).parent / "data" / "universe.json"

# name -> its official page, looked up in the documentation itself
PAGES = {
    "torch.abs": "generated/torch.abs.html",
    "torch.relu": "generated/torch.nn.functional.relu.html",
    "torch.no_grad": "generated/torch.no_grad.html",
    "torch.compile": "generated/torch.compile.html",
    "torch.Tensor": "tensors.html#torch.Tensor",
    "torch.Tensor.view": "generated/torch.Tensor.view.html",
    "torch.Tensor.add_": "generated/torch.Tensor.add_.html",
    "torch.Tensor.grad": "generated/torch.Tensor.grad.html",
    "torch.Size": "size.html#torch.Size",
    "torch.device": "tensor_attributes.html#torch.device",
    "torch.finfo": "type_info.html#torch.finfo",
    "torch.Generator.manual_seed": "generated/torch.Generator.html#torch.Generator.manual_seed",
    "torch.autocast": "amp.html#torch.autocast",
    "torch.nn.Linear": "generated/torch.nn.Linear.html",
    "torch.nn.Module.state_dict": "generated/torch.nn.Module.html#torch.nn.Module.state_dict",
    "torch.nn.functional.cross_entropy": "generated/torch.nn.functional.cross_entropy.html",
    "torch.nn.init.xavier_uniform_": "nn.init.html#torch.nn.init.xavier_uniform_",
    "torch.nn.utils.clip_grad_norm_": "generated/torch.nn.utils.clip_grad_norm_.html",
    "torch.nn.attention.sdpa_kernel": "generated/torch.nn.attention.sdpa_kernel.html",
    "torch.optim.SGD": "generated/torch.optim.SGD.html",
    "torch.optim.Optimizer": "optim.html#torch.optim.Optimizer",
    "torch.optim.Optimizer.zero_grad": "generated/torch.optim.Optimizer.zero_grad.html",
    "torch.optim.lr_scheduler.StepLR": "generated/torch.optim.lr_scheduler.StepLR.html",
    "torch.optim.swa_utils.AveragedModel": "generated/torch.optim.swa_utils.AveragedModel.html",
    "torch.utils.data.DataLoader": "data.html#torch.utils.data.DataLoader",
    "torch.utils.data.random_split": "data.html#torch.utils.data.random_split",
    "torch.utils.data.DistributedSampler": "data.html#torch.utils.data.distributed.DistributedSampler",
    "torch.utils.tensorboard.SummaryWriter.add_scalar": (
        "tensorboard.html#torch.utils.tensorboard.writer.SummaryWriter.add_scalar"
    ),
    "torch.autograd.grad": "generated/torch.autograd.grad.html",
    "torch.autograd.Function": "autograd.html#torch.autograd.Function",
    "torch.autograd.Function.backward": "generated/torch.autograd.Function.backward.html",
    "torch.autograd.function.FunctionCtx.save_for_backward": (
        "generated/torch.autograd.function.FunctionCtx.save_for_backward.html"
    ),
    "torch.autograd.gradcheck": "generated/torch.autograd.gradcheck.gradcheck.html",
    "torch.autograd.function.once_differentiable": "generated/torch.autograd.function.once_differentiable.html",
    "torch.autograd.detect_anomaly": "autograd.html#torch.autograd.detect_anomaly",
    "torch.autograd.graph.Node.next_functions": "generated/torch.autograd.graph.Node.next_functions.html",
    "torch.autograd.graph.saved_tensors_hooks": "autograd.html#torch.autograd.graph.saved_tensors_hooks",
    "torch.autograd.forward_ad.make_dual": "generated/torch.autograd.forward_ad.make_dual.html",
    "torch.func.grad": "generated/torch.func.grad.html",
    "torch.linalg.solve": "generated/torch.linalg.solve.html",
    "torch.special.expit": "special.html#torch.special.expit",
    "torch.distributions.Normal": "distributions.html#torch.distributions.normal.Normal",
    "torch.distributions.kl_divergence": "distributions.html#torch.distributions.kl.kl_divergence",
    "torch.cuda.empty_cache": "generated/torch.cuda.memory.empty_cache.html",
    "torch.cuda.is_available": "generated/torch.cuda.is_available.html",
    "torch.accelerator.memory_allocated": "generated/torch.accelerator.memory.memory_allocated.html",
    "torch.export.export": "user_guide/torch_compiler/export/api_reference.html#torch.export.export",
    "torch.compiler.disable": "generated/torch.compiler.disable.html",
}


# ---- the list


def test_every_name_of_the_starting_set_is_in_the_list() -> None:
    names = json.loads(UNIVERSE.read_text(encoding="utf-8"))
    assert len(names) == 2569
    assert [name for name in names if name not in apis.load().by_name] == []


COLLECT = """import sys
from book.names import apilist, apis
sys.stdout.reconfigure(encoding="utf-8", newline="\\n")
sys.stdout.write(apis.dump(apilist.collect()))
"""


def test_the_list_is_what_the_installed_torch_gives() -> None:
    # In a process of its own: torch._dynamo, once imported, puts a wrapper in the place of torch.manual_seed.
    made = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=HERE.root, capture_output=True, encoding="utf-8", check=True
    ).stdout
    listed = apis.FILE.read_text(encoding="utf-8")
    new, old = (json.loads(text)["apis"] for text in (made, listed))
    differ = sorted(name for name in {*new, *old} if new.get(name) != old.get(name))
    assert not differ, "run python -m book apis --update"
    assert (made == listed) is True, (
        "the same names, but the file is written otherwise: run python -m book apis --update"
    )


@pytest.mark.parametrize(
    "name",
    [
        "torch.relu",
        "torch.softmax",
        "torch.sigmoid",
        "torch.nn.Module.state_dict",
        "torch.optim.Optimizer.step",
        "torch.optim.lr_scheduler.LRScheduler.step",
        "torch.utils.tensorboard.SummaryWriter.add_scalar",
        "torch.Generator.manual_seed",
        "torch.Size.numel",
        "torch.distributions.Distribution.log_prob",
        "torch.Tensor.shape",
        "torch.Tensor.grad_fn",
        "torch.Tensor.__getitem__",
        "torch.autograd.function.FunctionCtx.saved_tensors",
        "torch.backends.cudnn.benchmark",
    ],
)
def test_the_list_has_what_people_write(name: str) -> None:
    assert name in apis.load().by_name


@pytest.mark.parametrize(
    "name",
    [
        "torch.float32",
        "torch.optim",
        "torch.optim.SGD.step",  # torch.optim.Optimizer.step, once
        "torch.nn.Linear.forward",
        "torch.autograd.no_grad",  # an alias
        "torch.cudnn_convolution",
        "torch.FloatTensor",
        "torch.Tensor.__add__",
        "torch.eig",
    ],
)
def test_the_list_has_no_noise(name: str) -> None:
    assert name not in apis.load().by_name


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("torch.autograd.no_grad", "torch.no_grad"),
        ("torch.random.manual_seed", "torch.manual_seed"),
        ("torch.amp.autocast", "torch.autocast"),
        ("torch.conv2d", "torch.nn.functional.conv2d"),
        ("torch.vmap", "torch.func.vmap"),
        ("torch.profiler.record_function", "torch.autograd.profiler.record_function"),
        ("torch.special.expit", "torch.special.expit"),  # a function of its own, in the family of torch.sigmoid
    ],
)
def test_aliases_lead_to_the_name_that_is_shown(alias: str, name: str) -> None:
    assert apis.load().by_name[apis.load().canonical[alias]].name == name


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("torch.abs", {"torch.abs", "torch.absolute", "torch.Tensor.abs", "torch.Tensor.abs_"}),
        ("torch.sigmoid", {"torch.sigmoid", "torch.special.expit", "torch.Tensor.sigmoid_"}),
        ("torch.scatter", {"torch.scatter", "torch.Tensor.scatter", "torch.Tensor.scatter_"}),
        ("torch.nn.functional.softmax", {"torch.softmax", "torch.Tensor.softmax"}),
        ("torch.nn.functional.relu", {"torch.relu", "torch.nn.functional.relu", "torch.nn.functional.relu_"}),
        ("torch.Tensor.size", {"torch.Tensor.size", "torch.Tensor.shape"}),
    ],
)
def test_families_join_the_spellings_of_one_operation(family: str, names: set[str]) -> None:
    assert names <= set(apis.load().families[family])


def test_families_keep_different_things_apart() -> None:
    by_name = apis.load().by_name
    assert by_name["torch.nn.ReLU"].family == "torch.nn.ReLU"
    assert by_name["torch.nn.functional.unfold"].family != by_name["torch.Tensor.unfold"].family


@pytest.mark.parametrize(("name", "page"), PAGES.items())
def test_official_pages(name: str, page: str) -> None:
    assert apis.load().by_name[apis.load().canonical[name]].address == f"https://docs.pytorch.org/docs/stable/{page}"


def test_groups_by_who_can_run_them() -> None:
    where = {name: api.where for name, api in apis.load().by_name.items()}
    assert (
        where["torch.add"]
        == where["torch.cuda.is_available"]
        == where["torch.accelerator.current_accelerator"]
        == "cpu"
    )
    assert (
        where["torch.cuda.Stream"] == where["torch.mps.empty_cache"] == where["torch.accelerator.synchronize"] == "gpu"
    )
    assert where["torch.distributed.all_reduce"] == where["torch.onnx.export"] == "other"
    assert set(Counter(where.values())) == set(apis.WHERE)


def test_coverage_counts_names_and_operations() -> None:
    small = apis.Apis("0", {n: apis.load().by_name[n] for n in ("torch.abs", "torch.Tensor.abs_", "torch.no_grad")})
    covered = coverage.coverage(small, ["torch.Tensor.abs_", "torch.autograd.no_grad", "no.such.name"])
    assert covered == {"cpu": coverage.Coverage(names=3, used=2, families=2, used_families=2)}
    assert "runs on a CPU: 2 of 3 names (66.7%), 2 of 2 operations" in coverage.coverage_table(
        small, list(small.by_name)[1:]
    )


def test_goals_count_operations_and_name_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["torch.abs", "torch.absolute", "torch.add", "torch.nn.Linear"]
    monkeypatch.setattr(coverage, "GOALS", tmp_path / "goals.json")
    coverage.GOALS.write_text(json.dumps({"some": {"least": 0.6, "names": names}}), encoding="utf-8")
    (met,) = coverage.goals(apis.load(), ["torch.Tensor.abs_", "torch.add", "no.such.name"])
    assert (met.operations, met.missing, met.met) == (3, ("torch.nn.Linear",), True)
    assert "2 of   3 operations   66.7%  goal  60%  ok\n    no block uses torch.nn.Linear" in str(met)
    (missed,) = coverage.goals(apis.load(), ["torch.add"])
    assert not missed.met and "MISSED" in str(missed)
    coverage.GOALS.write_text(json.dumps({"some": {"least": 1, "names": ["torch.no_such"]}}), encoding="utf-8")
    with pytest.raises(BookError, match=r"goals\.json: some: torch 2\.13\.0.* has no torch\.no_such"):
        coverage.goals(apis.load(), [])


def test_the_goals_name_what_torch_has() -> None:
    assert not any(goal.met for goal in coverage.goals(apis.load(), []))
    assert [goal.group for goal in coverage.goals(apis.load(), apis.load().by_name) if not goal.met] == []


def test_a_broken_list_names_its_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apis.json").write_text('{"torch": "2", "apis": {"torch.abs": {}}}', encoding="utf-8")
    monkeypatch.setattr(apis, "FILE", tmp_path / "apis.json")
    apis.load.cache_clear()
    try:
        with pytest.raises(BookError, match="python -m book apis --update"):
            apis.load()
    finally:
        apis.load.cache_clear()


def test_update_rewrites_the_list_and_tells_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = apis.load()
    monkeypatch.setattr(apis, "FILE", tmp_path / "apis.json")
    fewer = dict(list(whole.by_name.items())[1:])
    old = fewer | {"torch.gone": apis.Api("torch.gone", "torch", "function", "cpu", None, "torch.gone")}
    apis.FILE.write_text(apis.dump(apis.Apis("1", old)), encoding="utf-8")
    monkeypatch.setattr(apilist, "collect", lambda: whole)
    apis.load.cache_clear()
    try:
        _, new, gone = update.update()
        assert (new, gone) == ([next(iter(whole.by_name))], ["torch.gone"])
        assert apis.load() == whole
    finally:
        apis.load.cache_clear()


# ---- what a block uses


def run(sessions: Sessions, *codes: str, root: str = str(HERE.root), **settings: object) -> list[BlockResult]:
    """Blocks ``b0``, ``b1``, ... of one page."""
    blocks = tuple(BlockCode(f"b{number}", code) for number, code in enumerate(codes))
    job = Job("page", blocks, root, raises=frozenset(b.name for b in blocks), **settings)  # type: ignore[arg-type]
    return sessions.run([job])[0].results


def test_precision_and_recall_on_labelled_blocks(sessions: Sessions, capsys: pytest.CaptureFixture[str]) -> None:
    scored = score.score(HERE, sessions)
    with capsys.disabled():
        print(f"\n{scored}")
    assert len(scored.blocks) >= 120
    assert scored.precision >= score.LEAST
    assert scored.recall >= score.LEAST


def test_the_score_counts_what_is_wrong_and_what_is_missing() -> None:
    block = score.Labelled("one", "", frozenset({"a", "b"}))
    scored = score.Score((score.Judged("file", block, frozenset({"b", "c", "d", "e"})),))
    assert (scored.precision, scored.recall, scored.good) == (0.25, 0.5, False)
    assert "file: one: +c +d +e -a" in str(scored)


def test_labels_are_read() -> None:
    text = "words\n\n# == one\nx = 1\n\ny = 2\n# -> torch.abs\n# -> .sum\n\n# == two\nx\n# ->\n"
    assert score.parse(text) == [
        score.Labelled("one", "x = 1\n\ny = 2\n", frozenset({"torch.abs", "torch.Tensor.sum"})),
        score.Labelled("two", "x\n", frozenset()),
    ]
    with pytest.raises(BookError, match='labelled:1: block "one" has no labels'):
        score.parse("# == one\nx\n")
    with pytest.raises(BookError, match='labelled:3: there are two blocks "one"'):
        score.parse("# == one\n# ->\n# == one\n# ->\n")


def test_labels_of_code_that_fails_are_refused(tmp_path: Path, sessions: Sessions) -> None:
    folder = tmp_path / "tests" / "apis_labelled"
    folder.mkdir(parents=True)
    (folder / "bad.txt").write_text("# == wrong\n1 / 0\n# ->\n", encoding="utf-8")
    with pytest.raises(BookError, match='block "wrong" does not run: ZeroDivisionError'):
        score.score(Tree(tmp_path), sessions)


BEHAVIOUR = (
    "import torch\n\n\ndef f(x):\n    return x.view(7)\n\n\nf(torch.ones(2))",
    "import inspect\n\nclass A:\n    def who(self):\n        return type(self).__name__\n\n"
    "class B(A):\n    def who(self):\n        return super().who() + '!'\n\nprint(inspect.getsource(B), B().who(), sorted(locals())[:3])",
    "import warnings\nw = torch.ones(2, requires_grad=True)\nh = 2 * w\nprint(h.grad)",
    "def old():\n    warnings.warn('old', DeprecationWarning, stacklevel=2)\n\n\nold()",
    "import sys\nprint(sys.getrefcount(w), [n for n in dir() if not n.startswith('_')])",
    "import gc, weakref\nclass Big:\n    pass\nb = Big()\nb.t = torch.ones(2)\nwatch = weakref.ref(b)\ndel b\nprint(watch())\nw.grad",
    "x = torch.ones(3)\nx += missing",
    "x = torch.ones(2)\nfor i in range(2):\n    x[i] += i\n    x *= 2\nx",
    "match x.tolist():\n    case [first, *rest] if first > 0:\n        print(first, rest)\n    case -1:\n        print('no')",
    "class Node:\n    __slots__ = ('__hidden',)\n    def __init__(self):\n        self.__hidden = [1]\n    def more(self):\n        self.__hidden += [2]\n        return self.__hidden\nNode().more()",
)


def test_hooks_change_nothing_that_a_block_prints_raises_or_warns(sessions: Sessions) -> None:
    plain, observed = run(sessions, *BEHAVIOUR), run(sessions, *BEHAVIOUR, observe=True)
    for before, after in zip(plain, observed, strict=True):
        assert after.outputs == before.outputs  # tracebacks and their line numbers included
        assert (after.failure, after.error, after.warnings) == (before.failure, before.error, before.warnings)
    assert [result.apis for result in plain] == [[]] * len(BEHAVIOUR)
    assert "torch.Tensor.view" in observed[0].apis


def test_a_line_counts_for_the_block_that_wrote_it(sessions: Sessions) -> None:
    first, second = run(sessions, "import torch\ndef f(x):\n    return x.exp()", "f(torch.ones(1))", observe=True)
    assert first.apis == ["torch.Tensor.exp"]
    assert second.apis == ["torch.ones"]


def test_the_toolkit_file_that_a_block_shows_counts_for_that_block(tmp_path: Path, sessions: Sessions) -> None:
    toolkit = tmp_path / "snippets" / "toolkit"
    toolkit.mkdir(parents=True)
    text = "import torch\n\n\ndef shown(x):\n    return x.sin()\n\n\ndef hidden(x):\n    return x.cos()\n"
    (toolkit / "small.py").write_text(text, encoding="utf-8")
    blocks = (
        BlockCode("piece", "from snippets.toolkit.small import hidden, shown\n", ("snippets/toolkit/small.py", 4, 5)),
        BlockCode("use", "import torch\nshown(hidden(torch.ones(1)))\n"),
    )
    piece, use = sessions.run([Job("page", blocks, str(tmp_path), observe=True)])[0].results
    assert (piece.failure, piece.apis) == (None, ["torch.Tensor.sin"])
    assert use.apis == ["torch.ones"]


def observed_page(sessions: Sessions, *codes: str) -> observing.Observed:
    blocks = tuple(BlockCode(f"b{number}", code) for number, code in enumerate(codes))
    job = Job("page", blocks, str(HERE.root), raises=frozenset(b.name for b in blocks))

    def same(one: BlockResult, other: BlockResult) -> bool:
        return one.failure == other.failure and not compare.outputs(one.outputs, other.outputs)

    seen = observing.observe({"page": observing.observing(job, sessions.run([job])[0].results, same)}, sessions.run)
    found = seen["page"]
    assert isinstance(found, observing.Observed)
    return found


def test_a_block_that_looks_at_its_own_code_is_read_instead(sessions: Sessions) -> None:
    code = "import torch\ndef f(x):\n    y = x.exp() + 1\n    y[0] = -torch.sum(x)\n    return y\nprint(f.__code__.co_names)\nf(torch.ones(2)) @ torch.ones(2)"
    found = observed_page(sessions, "import torch\ntorch.zeros(1)", code)
    assert found.names["b0"] == ["torch.zeros"]
    assert found.names["b1"] == ["torch.Tensor.exp", "torch.matmul", "torch.neg", "torch.ones", "torch.sum"]
    assert list(found.from_code) == ["b1"] and "read, not seen" in found.from_code["b1"]


def test_compiled_code_is_seen_or_read_and_never_broken(sessions: Sessions) -> None:
    found = observed_page(
        sessions,
        "import torch\n@torch.compile(backend='eager')\ndef f(x):\n    return x.sin() + 1\nf(torch.ones(2))",
        "@torch.compile(backend='eager', fullgraph=True)\ndef g(x):\n    return torch.tanh(x).exp()\ng(torch.ones(2))",
    )
    assert found.names["b0"] == ["torch.Tensor.sin", "torch.add", "torch.compile", "torch.ones"]
    assert found.names["b1"] == ["torch.Tensor.exp", "torch.compile", "torch.ones", "torch.tanh"]
    assert list(found.from_code) == ["b1"]


def test_a_block_that_never_does_the_same_is_told() -> None:
    """Beside a page that is done after its first run, and one that can't be compared: each by itself, run together."""
    asked: list[list[str]] = []

    def run(jobs: Sequence[Job]) -> list[PageRun]:
        asked.append([job.page for job in jobs])
        return [PageRun(job.page, [BlockResult("b", apis=["torch.ones"])]) for job in reversed(jobs)]

    def same_on(page: str) -> Callable[[BlockResult, BlockResult], bool]:
        return lambda *_: bool(1 / 0) if page == "broken" else page == "good"

    found = observing.observe(
        {
            page: observing.observing(Job(page, (BlockCode("b", ""),), "."), [BlockResult("b")], same_on(page))
            for page in ("good", "never", "broken")
        },
        run,
    )
    assert isinstance(found.pop("broken"), ZeroDivisionError)
    assert found == {
        "good": observing.Observed({"b": ["torch.ones"]}),
        "never": observing.Observed({"b": []}, {"b": "nothing is known: it does not do the same twice"}),
    }
    assert asked == [["good", "never", "broken"], ["never"], ["never"], ["never"]]


# ---- records and the command


def test_records_hold_the_names(small: Tree, sessions: Sessions) -> None:
    recording.record(small, sessions=sessions)
    names = {cell.name: cell.apis for cell in records.read(small, "part/small").cells}
    old = records.read(small, "part/small")
    cells = tuple(replace(c, apis=["torch.gone" if a == "torch.pow" else a for a in c.apis]) for c in old.cells)
    records.write(small, replace(old, cells=cells))
    _, changes = recording.record(small, sessions=sessions)
    assert changes == ["part/small: curve: other APIs: +torch.pow -torch.gone"]
    assert names == {
        "scale": ["torch.mul", "torch.tensor"],
        "table": [],
        "curve": ["torch.pow"],
        "wrong_shape": ["torch.add", "torch.ones"],
    }


def test_the_names_in_a_record_are_what_a_run_sees(sessions: Sessions) -> None:
    page = check.load_pages(HERE, ["index"])["index"]
    job = check.job_of(HERE, page, ledger.load(HERE))
    seen = observing.observe(
        {
            "index": observing.observing(
                job, sessions.run([job])[0].results, lambda one, other: not compare.outputs(one.outputs, other.outputs)
            )
        },
        sessions.run,
    )["index"]
    assert isinstance(seen, observing.Observed)
    assert seen.names == {cell.name: cell.apis for cell in records.read(HERE, "index").cells}


def test_every_recorded_name_is_in_the_list() -> None:
    recorded, _ = check.read_records(HERE, check.load_pages(HERE))
    names = {name for record in recorded.values() for cell in record.cells for name in cell.apis}
    assert names and names <= set(apis.load().by_name)


def test_the_command_prints_names_and_coverage(small: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(small.root), "apis", "part/small"]) == 0
    assert "part/small: curve: torch.pow\npart/small: wrong_shape: torch.add, torch.ones" in capsys.readouterr().out
    assert cli.main(["--root", str(small.root), "apis", "--coverage"]) == 0
    assert "runs on a CPU: 5 of " in capsys.readouterr().out
    assert cli.main(["--root", str(small.root), "apis", "--goals"]) == 1
    assert "MISSED" in capsys.readouterr().out
    small.record("part/small").unlink()
    assert cli.main(["--root", str(small.root), "apis"]) == 1
    assert "no record of this page" in capsys.readouterr().err
