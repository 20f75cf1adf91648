"""book.run.simulated and book.run.moved: what the simulated accelerator refuses, and that pages as shown print their records there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import rotation
from books import write_page

from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.prove import check, on_gpu, recording
from book.prove.pytest_plugin import ran
from book.record import records
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import Sessions
from book.source import ledger

CHOOSE = """\
import torch

device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
"""


def run(sessions: Sessions, *codes: str, moved: bool = False) -> list[BlockResult]:
    blocks = tuple(BlockCode(f"b{n}", code) for n, code in enumerate((CHOOSE, *codes)))
    return sessions.run([Job("demo", blocks, root=str(HERE.root), device="sim", moved=moved)])[0].results[1:]


def printed(result: BlockResult) -> str:
    assert result.failure is None, result.failure
    return "".join(output["text"] for output in result.outputs if output["output_type"] == "stream").strip()


REFUSED = {
    "numpy": ("torch.ones(3, device=device).numpy()", "TypeError: can't convert sim:0 device type tensor to numpy"),
    "asarray": ("import numpy\nnumpy.asarray(torch.ones(3, device=device))", "TypeError: can't convert sim:0"),
    "mixed": ("torch.ones(3, device=device) + torch.ones(3)", "RuntimeError: Expected all tensors to be on the same"),
    "mixed net": ("torch.nn.Linear(2, 2).to(device)(torch.ones(1, 2))", "RuntimeError: Expected all tensors to be on"),
    "mixed convolution": (
        "torch.nn.Conv1d(1, 1, 1).to(device)(torch.ones(1, 1, 3))", "RuntimeError: .*"
    ),
    "generator": (
        "torch.rand(3, device=device, generator=torch.Generator())",
        "RuntimeError: Expected a 'sim' device type for generator but found 'cpu'",
    ),
    "pinned": ("torch.ones(3, device=device).pin_memory()", "RuntimeError: cannot pin"),
    "data_ptr of numpy": ("torch.from_numpy(torch.ones(3, device=device))", "TypeError"),
}  # fmt: skip


WORKERS = """\
from torch.utils.data import DataLoader, Dataset


class Numbers(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {item}


torch.manual_seed(0)
x = torch.ones(2, device=device)
loader = DataLoader(Numbers(), batch_size=2, num_workers=2)
print([batch.tolist() for batch in loader], x.sum().item())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
def test_workers_beside_the_device_are_left_alone_and_cannot_use_it(sessions: Sessions) -> None:
    good, bad = run(sessions, WORKERS.replace("{item}", "index"), WORKERS.replace("{item}", "x.sum() * 0 + index"))
    assert printed(good) == "[[0, 1], [2, 3]] 2.0"
    assert "Cannot re-initialize sim in forked subprocess" in str(bad.failure)


@pytest.fixture(scope="module")
def refusals(sessions: Sessions) -> dict[str, BlockResult]:
    return dict(zip(REFUSED, run(sessions, *(code for code, _ in REFUSED.values())), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_device_refuses(name: str, refusals: dict[str, BlockResult]) -> None:
    assert re.match(REFUSED[name][1], refusals[name].failure or "it ends well")


WORKS = {
    "device": ("print(torch.ones(2, device=device))", "tensor([1., 1.], device='sim:0')"),
    "number of the CPU": ("print((torch.ones(3, device=device) * torch.tensor(2.0)).sum().item())", "6.0"),
    "number where the operator has a tensor": (
        "x = torch.tensor([5, 9], dtype=torch.int32, device=device)\nx %= 7\n"
        "print((x & 3).tolist(), (7 % x).tolist(), (x % 4).dtype, (x[0] % 3).dtype)",
        "[1, 2] [2, 1] torch.int32 torch.int32",
    ),
    "index of the CPU": ("print(torch.arange(4, device=device)[torch.tensor([2, 0])].tolist())", "[2, 0]"),
    "views": (
        "x = torch.arange(6.0, device=device)\nx[2:4].add_(10)\nx.view(2, 3).T[0] = 7\nprint(x.tolist())",
        "[7.0, 1.0, 12.0, 7.0, 4.0, 5.0]",
    ),
    "resized": (
        "x = torch.empty(0, device=device)\ntorch.add(torch.ones(3, device=device), 1, out=x)\nprint(x.tolist())",
        "[2.0, 2.0, 2.0]",
    ),
    "gradients": (
        "x = torch.ones(2, device=device, requires_grad=True)\n(x * x).sum().backward()\nprint(x.grad.tolist())",
        "[2.0, 2.0]",
    ),
    "gradients across": (
        "x = torch.ones(2, requires_grad=True)\n(x.to(device) * 3).sum().cpu().backward()\nprint(x.grad.tolist())",
        "[3.0, 3.0]",
    ),
    "parameters stay": (
        "net = torch.nn.Linear(2, 1)\nw = net.weight\nprint(net.to(device).weight is w, w.device, net.cpu().weight is w)",
        "True sim:0 True",
    ),
    "recurrent": (
        "torch.manual_seed(0)\nnet = torch.nn.LSTM(2, 3, batch_first=True)\nx = torch.ones(1, 4, 2)\nhere = net(x)[0].detach()\n"
        "there = net.to(device)(x.to(device))[0]\nthere.sum().backward()\n"
        "print(torch.allclose(here, there.cpu()), net.weight_ih_l0.grad.device)",
        "True sim:0",
    ),
    "without gradients": (
        "net = torch.nn.Linear(2, 1).to(device)\nwith torch.inference_mode():\n    y = net(torch.ones(1, 2, device=device))\n"
        "print(y.is_inference(), net.weight.is_inference())",
        "True False",
    ),
    "saved": (
        "torch.save(torch.ones(2, device=device), 'x.pt')\n"
        "print(torch.load('x.pt').device, torch.load('x.pt', map_location='cpu').device)",
        "sim:0 cpu",
    ),
    "deep copies": (
        "import copy\nnet = torch.nn.Linear(2, 1).to(device)\nx = torch.arange(4.0, device=device)\n"
        "other, (whole, part) = copy.deepcopy(net), copy.deepcopy((x, x[2:]))\npart += 1\n"
        "print(torch.equal(other.weight, net.weight), other.weight.device, whole.tolist(), x.tolist())",
        "True sim:0 [0.0, 1.0, 3.0, 4.0] [0.0, 1.0, 2.0, 3.0]",
    ),
    "pickled": (
        "import pickle\nprint(pickle.loads(pickle.dumps(torch.arange(3.0, device=device))))",
        "tensor([0., 1., 2.], device='sim:0')",
    ),
    "storages": (
        "x = torch.ones(2, device=device)\nprint(x.untyped_storage().clone().device, torch.UntypedStorage(8, device=device).nbytes(),"
        " torch.UntypedStorage(8).device, torch.UntypedStorage([1, 2]).tolist())",
        "sim:0 8 cpu [1, 2]",
    ),
    "autocast": (
        "x = torch.ones(2, 2, device=device)\nwith torch.autocast('sim', torch.bfloat16):\n    y = x @ x\n"
        "    print(y.dtype, y.exp().dtype)",
        "torch.bfloat16 torch.float32",
    ),
    "a generator of its own": (
        "torch.manual_seed(0)\nx = torch.rand(3, device=device)\ntorch.manual_seed(0)\ny = torch.rand(3, device=device)\n"
        "torch.manual_seed(0)\nprint(torch.equal(x, y), torch.equal(x.cpu(), torch.rand(3)))",
        "True False",
    ),
    "pinned": ("print(torch.ones(1).pin_memory().is_pinned(), torch.ones(1).is_pinned())", "True False"),
    "accelerate": ("import accelerate\nprint(accelerate.Accelerator().device)", "sim:0"),
    "asked": ("print(torch.accelerator.device_count(), torch.accelerator.synchronize())", "1 None"),
}  # fmt: skip


@pytest.fixture(scope="module")
def works(sessions: Sessions) -> dict[str, BlockResult]:
    return dict(zip(WORKS, run(sessions, *(code for code, _ in WORKS.values())), strict=True))


@pytest.mark.parametrize("name", WORKS)
def test_what_a_device_does(name: str, works: dict[str, BlockResult]) -> None:
    assert printed(works[name]) == WORKS[name][1]


def test_who_made_a_tensor_on_the_device_is_seen(sessions: Sessions) -> None:
    results = run(sessions, "torch.ones(2) + 1", "x = torch.ones(2).to(device)", "x + 1", "print(device)")
    assert [result.on_device for result in results] == [False, True, True, False]


def test_a_draw_on_the_device_is_watched(sessions: Sessions) -> None:
    results = run(
        sessions,
        "torch.default_generator.manual_seed(0)\ntorch.rand(2, device=device)",
        "torch.manual_seed(0)\ntorch.rand(2, device=device)",
        "torch.sim.manual_seed(0)\ntorch.rand(2, device=device)",
        "torch.rand(2, device=device)\ntorch.manual_seed(0)",
    )
    assert [result.unseeded for result in results] == [True, False, False, False]
    assert [bool(result.harms) for result in results] == [False, False, False, True]


MOVED = {
    "draws": ("torch.manual_seed(0)\nprint(torch.rand(3))", "tensor([0.4963, 0.7682, 0.0885], device='sim:0')"),
    "in place": ("torch.manual_seed(0)\nprint(torch.empty(3).uniform_())", "tensor([0.4963, 0.7682, 0.0885], device='sim:0')"),
    "generator": (
        "print(torch.rand(3, generator=torch.Generator().manual_seed(0)))", "tensor([0.4963, 0.7682, 0.0885], device='sim:0')"
    ),
    "loader": (
        "from torch.utils.data import DataLoader\ntorch.manual_seed(0)\n"
        "print([b.tolist() for b in DataLoader(torch.arange(4), 2, shuffle=True)])",
        "[[2, 1], [3, 0]]",
    ),
    "numpy": ("import numpy\nprint(torch.ones(2).numpy(), numpy.asarray(torch.ones(1)))", "[1. 1.] [1.]"),
    "made of a list": ("print(torch.tensor([1.0, 2.0]))", "tensor([1., 2.], device='sim:0')"),
    "dropout": ("torch.manual_seed(0)\nprint(torch.nn.functional.dropout(torch.ones(4)))", "tensor([0., 0., 2., 0.], device='sim:0')"),
}  # fmt: skip


def test_moved_pages_draw_as_on_the_cpu(sessions: Sessions) -> None:
    moved = run(sessions, *(code for code, _ in MOVED.values()), moved=True)
    plain = sessions.run(
        [Job("demo", tuple(BlockCode(name, f"import torch\n{code}") for name, (code, _) in MOVED.items()), root=".")]
    )[0].results
    for result, cpu, (name, (_, says)) in zip(moved, plain, MOVED.items(), strict=True):
        assert printed(result) == says, name
        assert printed(cpu) == says.replace(", device='sim:0'", ""), name


# Blocks that record well on the CPU and fail where there is an accelerator, and what is said then.
FAULTS = {
    "numpy_of_moved": ("x = torch.ones(3).to(device)\nprint(x.numpy())", "TypeError: can't convert sim:0"),
    "mixes_devices": ("x = torch.ones(3).to(device)\nprint((x + torch.ones(3)).sum())", "RuntimeError: Expected all tensors"),
    "cpu_generator": (
        "g = torch.Generator().manual_seed(0)\nprint(torch.rand(3, generator=g, device=device))",
        "RuntimeError: Expected a 'sim' device type for generator",
    ),
    "draws_without_seed": (
        "torch.default_generator.manual_seed(0)\nprint(torch.rand(3, device=device).shape)", "draws random numbers but never seeds"
    ),
    "draws_on_device": ("torch.manual_seed(0)\nprint(torch.rand(3, device=device))", "number 1 differs"),
    "prints_type": ("print(torch.ones(1).to(device).type())", r"text differs: 'torch\.FloatTensor' is now 'torch\.sim\.Flo"),
}  # fmt: skip
FINE = {
    "names_device": "print(torch.ones(2, dtype=torch.float64, device=device))\ndevice",
    "stays": "torch.manual_seed(0)\nprint(torch.rand(3).numpy().round(2))",
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, sessions: Sessions) -> Tree:
    """A recorded page with the faults."""
    blocks = {"choose": CHOOSE.strip(), **{name: code for name, (code, _) in FAULTS.items()}, **FINE}
    tree = write_page(tmp_path_factory.mktemp("faulty"), blocks)
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    return tree


@pytest.fixture(scope="module")
def found(faulty: Tree, sessions: Sessions) -> dict[str, check.Verdict]:
    return {v.block: v for v in on_gpu.simulate(faulty, sessions=sessions).verdicts}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_noticed_with_its_place(name: str, faulty: Tree, found: dict[str, check.Verdict]) -> None:
    line = (faulty.snippets / "part" / "page.py").read_text(encoding="utf-8").split(f"[start:{name}]")[0].count(
        "\n"
    ) + 2
    assert found[name].status == "failed"
    assert re.match(rf"docs/en/part/page\.md:\d+ \(snippets/part/page\.py:{line}\):", found[name].message)
    assert re.search(FAULTS[name][1], found[name].message)


def test_what_is_no_fault_passes(found: dict[str, check.Verdict]) -> None:
    assert {name for name, v in found.items() if v.status != "passed"} == set(FAULTS)


def entry(section: str, message: str) -> str:
    return f"[[sim]]\npage = 'part/page'\nsection = '{section}'\nmessage = '''{message}'''\nreason = 'a limit'\n"


def test_the_ledger_excuses_what_fails_as_it_says_and_nothing_else(
    faulty: Tree, tmp_path: Path, sessions: Sessions
) -> None:
    tree = Tree(Path(shutil.copytree(faulty.root, tmp_path / "book")))
    entries = entry("numpy_of_moved", "to numpy") + entry("mixes_devices", "another reason") + entry("stays", "any")
    tree.ledger.write_text(entries, encoding="utf-8")
    verdicts = {v.block: v for v in on_gpu.simulate(tree, sessions=sessions).verdicts}
    assert (verdicts["numpy_of_moved"].status, verdicts["numpy_of_moved"].message) == (
        "skipped",
        "not simulated: a limit",
    )
    assert verdicts["mixes_devices"].status == "failed"
    assert "the ledger expects 'another reason' here" in verdicts["mixes_devices"].message
    assert verdicts["stays"].status == "failed" and "delete its [[sim]] entry" in verdicts["stays"].message


def test_a_limit_that_ends_with_a_torch_holds_up_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = ledger.Entry("sim", "part/page", "block", "a limit", message="to numpy", torch="2.14")
    passed = check.Verdict("part/page", "block", "passed")
    failed = replace(passed, status="failed", message="TypeError: can't convert to numpy")
    said = {}
    for have in ("2.14.1", "2.15.0"):
        monkeypatch.setattr(on_gpu, "torch_version", lambda _have=have: _have)
        said[have] = [on_gpu.excused(v, ledger.Ledger((limit,))) for v in (passed, failed)]
    assert [v.status for v in said["2.14.1"]] == ["failed", "skipped"]
    assert [v.status for v in said["2.15.0"]] == ["passed", "failed"]
    assert "can be simulated beyond torch 2.14, here is 2.15.0" in said["2.15.0"][1].message


LONG, TURNS = 5.0, 10  # seconds of a page on the CPU; a longer one runs if it changed, and once in so many weeks
AT_MOST = 135.0  # seconds of such pages in one run: what changed comes first


@cache
def pages_that_may_differ() -> Sequence[str]:
    return [name for name, page in check.load_pages(HERE).items() if on_gpu.may_differ(HERE, page)]


def seconds(name: str) -> float:
    """Of the page on the CPU; 0 for one that is not recorded, which other tests tell."""
    try:
        return sum(cell.seconds for cell in records.read(HERE, name).cells)
    except BookError:
        return 0.0


def whose_turn(names: Sequence[str], changed: set[str], seed: int) -> list[str]:
    """Those of the pages that run today; make sim, each night, runs every page."""
    long = [name for name in names if seconds(name) > LONG]
    turn = [name for name in rotation.share(long, TURNS, seed) if name not in changed]
    taken = rotation.within([*(name for name in long if name in changed), *turn], seconds, AT_MOST)
    return [name for name in names if name not in long or name in taken]


@cache
def pages_of_today() -> Sequence[str]:
    programs = rotation.changed_programs(HERE, rotation.base(HERE.root))
    return whose_turn(pages_that_may_differ(), {name.partition(":")[0] for name in programs}, rotation.week())


@pytest.fixture(scope="module")
def as_shown(sessions: Sessions, pytestconfig: pytest.Config) -> dict[str, list[Any]]:
    """The pages of today that can do something else where there is an accelerator, each run once."""
    names = pages_of_today()
    ran(pytestconfig, "the simulated accelerator")
    verdicts = on_gpu.simulate(HERE, names, sessions=sessions).verdicts
    return {name: [v for v in verdicts if v.page == name] for name in names}


@pytest.mark.parametrize("name", pages_of_today())
def test_page_as_shown_prints_its_record_where_there_is_an_accelerator(
    name: str, as_shown: dict[str, list[check.Verdict]]
) -> None:
    failed = [v.message for v in as_shown[name] if v.status == "failed"]
    assert as_shown[name] and not failed, "\n".join(failed)


def test_pages_that_move_something_are_known() -> None:
    names = pages_that_may_differ()
    by_themselves = {"levels/high_level", "training/gpu", "training/training_loops", "concepts/tensors", "start/setup"}
    by_the_toolkit = {"recommendation/fm", "recommendation/fibinet"}  # their nets are trained in toolkit/click_tables
    assert by_themselves | by_the_toolkit <= set(names) < set(HERE.pages())


def test_each_page_that_moves_something_has_its_turn() -> None:
    names = pages_that_may_differ()
    turns = [set(whose_turn(names, set(), seed)) for seed in range(TURNS)]
    always = set.intersection(*turns)
    assert set.union(*turns) == set(names) > always > set()
    assert all(sum(name in turn for turn in turns) == 1 for name in set(names) - always)
    changed = min(set(names) - always, key=seconds)
    assert all(changed in whose_turn(names, {changed}, seed) for seed in range(TURNS)), "what changed runs at once"
    everything = whose_turn(names, set(names), 0)
    assert always < set(everything) and sum(seconds(name) for name in everything if seconds(name) > LONG) <= AT_MOST


def test_the_simulation_has_few_limits() -> None:
    assert sum(entry.kind == "sim" for entry in ledger.load(HERE).entries) <= 12
