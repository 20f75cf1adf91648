"""Why an operation need not be shown (book.names.reasons), and what is left to be shown (book.names.leftout)."""

from __future__ import annotations

import warnings
from dataclasses import replace
from enum import Enum
from pathlib import Path

import pytest
from typing_extensions import deprecated

from book import cli
from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.names import apis, leftout, reasons
from book.names.apis import Api, Apis
from book.names.leftout import Row
from book.prove import check

SENTENCE = Row("other", "It needs a debugger.", "需要调试器。")


def old(value: float) -> float:
    """Twice a value."""
    warnings.warn("`old` is deprecated, use `torch.new` instead", FutureWarning, stacklevel=2)
    return 2 * value


def old_on_some(value: float) -> float:
    """Twice a value."""
    if value < 0:
        warnings.warn("negative values are deprecated", FutureWarning, stacklevel=2)
    return 2 * value


@deprecated("Please use `torch.new` instead.")
def marked(value: float) -> float:
    """Twice a value."""
    return 2 * value


class Thing(Enum):
    ONE = 1

    @property
    def twice(self) -> int:
        """Twice the value."""
        return 2 * int(self.value)

    def plain(self) -> object:
        """The value."""
        return self.value

    def sum(self) -> int:
        """The value and one."""
        return int(self.value) + 1


@pytest.mark.parametrize(
    ("kind", "obj", "doc", "found"),
    [
        ("function", old, old.__doc__, ("deprecated", "torch.new")),
        ("function", marked, old.__doc__, ("deprecated", "torch.new")),
        ("function", old_on_some, old.__doc__, ("", "")),
        ("function", None, "f(x)\n\n.. deprecated:: 2.5\n    Use :func:`torch.new` instead.", ("deprecated", "torch.new")),
        ("function", None, "f(x)\n\n.. warning:: This function is deprecated.", ("deprecated", "")),
        ("function", None, "f(x)\n\n.. warning:: torch.f is now deprecated in favor of `g`.", ("deprecated", "g")),
        ("function", None, "f(x)\n\nArgs:\n    x: This function is deprecated for numbers.", ("", "")),
        ("function", None, "f(x)\n\nThis behavior is deprecated.", ("", "")),
        ("property", Thing.twice, "Twice the value.", ("accessor", "")),
        ("method", Thing.plain, "The value.", ("accessor", "")),
        ("method", Thing.sum, "The value and one.", ("", "")),
        ("function", None, "", ("undocumented", "")),
        ("method", None, "f(self: torch.A, arg0: int) -> None\n", ("undocumented", "")),
        ("method", None, "f(x) -> Tensor\n\nIts square.", ("", "")),
    ],
)  # fmt: skip
def test_torch_says_what_may_be_left_out(kind: str, obj: object, doc: str, found: tuple[str, str]) -> None:
    assert reasons.reason("torch.f", kind, obj, doc) == found


@pytest.mark.parametrize("name", ["torch.Tensor.cuda", "torch.set_autocast_gpu_dtype", "torch.utils.CUDAExtension"])
def test_a_device_in_a_name_is_hardware(name: str) -> None:
    assert reasons.reason(name, "function", None, "Some words.") == ("hardware", "")


@pytest.mark.parametrize("name", ["torch.chunk", "torch.cumsum", "torch.signal.windows.hamming", "torch.xlogy"])
def test_no_device_is_seen_where_there_is_none(name: str) -> None:
    assert reasons.reason(name, "function", None, "Some words.") == ("", "")


def test_the_list_holds_the_reasons() -> None:
    known = {name: (api.reason, api.instead) for name, api in apis.load().by_name.items()}
    assert known["torch.nn.functional.upsample"] == ("deprecated", "torch.nn.functional.interpolate")
    assert known["torch.jit.script"] == ("deprecated", "torch.compile")
    assert known["torch.Tensor.is_leaf"] == ("accessor", "")
    assert known["torch.cat"] == known["torch.Tensor.matmul"] == known["torch.nn.Module.train"] == ("", "")


def test_the_methods_of_both_profilers_count_once() -> None:
    family = {name: api.family for name, api in apis.load().by_name.items()}
    for method in ("key_averages", "export_chrome_trace", "toggle_collection_dynamic"):
        assert family[f"torch.profiler.profile.{method}"] == family[f"torch.autograd.profiler.profile.{method}"]
    assert family["torch.profiler.profile"] != family["torch.autograd.profiler.profile"]


# ---- Counting


def some(*names: str, **reasons_of: str) -> Apis:
    """A list of these names of torch, with other reasons."""
    listed = apis.load().by_name
    return Apis("0", {name: replace(listed[name], reason=reasons_of.get(name.split(".")[-1], "")) for name in names})


def test_groups_reasons_and_what_is_left_are_counted() -> None:
    listed = some(
        "torch.cat", "torch.func.grad", "torch.Tensor.backward", "torch.nn.Module.train", "torch.qr", qr="deprecated"
    )
    shown = leftout.operations(listed, ["torch.cat", "torch.nn.Module.train"], {})
    assert [(reach.group, reach.shown, reach.operations) for reach in shown.reach] == [
        ("calls", 1, 2), ("core", 1, 1), ("tensor", 0, 1), ("methods", 1, 1),
    ]  # fmt: skip
    assert [one.api.name for one in shown.left_out["deprecated"]] == ["torch.qr"]
    assert [one.api.name for one in shown.left] == ["torch.Tensor.backward", "torch.func.grad"]
    told = leftout.table(shown)
    assert "left out: 1, limit 2 of 5 operations\n  deprecated    1, limit 170" in told
    assert "  torch.func (1): grad" in told and told.count("not yet") == 2


def test_a_new_name_is_left_and_counted_by_itself() -> None:
    new = Api("torch.brand_new", "torch", "function", "cpu", "generated/torch.brand_new.html", "torch.brand_new")
    listed = apis.load()
    more = replace(listed, by_name={**listed.by_name, new.name: new})
    before, after = (leftout.operations(which, [], {}) for which in (listed, more))
    assert [one.api.name for one in after.left if one not in before.left] == ["torch.brand_new"]
    assert after.reach[1].operations == before.reach[1].operations + 1


def test_an_undocumented_spelling_leaves_no_operation_out() -> None:
    names = ("torch.abs", "torch.Tensor.abs", "torch.Tensor.abs_")
    assert leftout.operations(some(*names, abs_="undocumented"), [], {}).left
    assert not leftout.operations(some(*names, abs="undocumented", abs_="accessor"), [], {}).left


def test_limits_are_held_against_the_count() -> None:
    assert leftout._against(171, 170) == "171, limit 170 (TOO MANY)"


# ---- By hand


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("torch.no_such", "torch 0 has no such operation for a CPU: take the row out"),
        ("torch.cat", "a block shows it: take the row out"),
        ("torch.qr", "torch itself gives a reason (deprecated): take the row out"),
        ("torch.Tensor.abs", "write it as torch.abs"),
    ],
)
def test_a_row_that_says_nothing_is_refused(name: str, says: str) -> None:
    listed = some("torch.cat", "torch.qr", "torch.abs", "torch.Tensor.abs", qr="deprecated")
    assert leftout.problems(listed, ["torch.cat"], {name: SENTENCE}) == [f"book/names/leftout.toml: {name}: {says}"]


def test_a_row_leaves_an_operation_out() -> None:
    listed = some("torch.abs", "torch.cat")
    by_hand = {"torch.abs": SENTENCE}
    shown = leftout.operations(listed, [], by_hand)
    assert leftout.problems(listed, [], by_hand) == []
    assert [one.row for one in shown.left_out["other"]] == [SENTENCE] and shown.reach[0].operations == 2
    hardware = {"torch.abs": replace(SENTENCE, reason="hardware")}
    assert leftout.operations(listed, [], hardware).reach[0].operations == 1


ROW = '[[row]]\nnames = ["torch.abs"]\n'
WHOLE = f'{ROW}reason = "other"\nwhy = "x"\nwhy_zh = "x"\n'


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (f'{ROW}reason = "tedious"\nwhy = "x"\nwhy_zh = "x"', r"torch\.abs: give it names, a reason"),
        (f'{ROW}reason = "other"\nwhy = "x"', r"torch\.abs: give it names, a reason"),
        (f'{ROW}why = ""', r"torch\.abs: give it names, a reason"),
        (WHOLE.replace("torch.abs", ""), "give it names"),
        (WHOLE.replace('"torch.abs"', ""), "a row without names: give it names"),
        (WHOLE + WHOLE, r"torch\.abs: stands in two rows"),
    ],
)
def test_a_row_that_is_not_whole_is_refused(tmp_path: Path, rows: str, says: str) -> None:
    path = tmp_path / "leftout.toml"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(BookError, match=rf"leftout\.toml: .*{says}"):
        leftout.rows(path)


def test_several_names_share_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "leftout.toml"
    path.write_text(WHOLE.replace('"torch.abs"', '"torch.abs", "torch.cat"'), encoding="utf-8")
    assert leftout.rows(path) == dict.fromkeys(["torch.abs", "torch.cat"], Row("other", "x", "x"))


def test_the_rows_hold_for_this_book() -> None:
    recorded, _ = check.read_records(HERE, check.load_pages(HERE))
    used = [name for record in recorded.values() for cell in record.cells for name in cell.apis]
    assert leftout.problems(apis.load(), used) == []


def test_the_command_counts_and_refuses(
    small: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def count() -> int:
        return cli.main(["--root", str(small.root), "apis", "--coverage"])

    monkeypatch.setattr(leftout, "FILE", tmp_path / "leftout.toml")
    leftout.FILE.write_text("", encoding="utf-8")
    assert count() == 0, "goals that aren't reached are no error"
    assert "methods of torch.Tensor alone" in capsys.readouterr().out
    leftout.FILE.write_text(WHOLE.replace("torch.abs", "torch.pow"), encoding="utf-8")
    assert count() == 1
    assert "torch.pow: a block shows it" in capsys.readouterr().err
