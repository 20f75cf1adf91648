"""book.run.guard, book.run.seeding, book.prove.repeat: the parts that need no session (blocks that are refused stand in faults.py)"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from book.prove import repeat
from book.prove.compare import Tolerance
from book.run import elsewhere, guard
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import Sessions


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("try:\n    assert a\nexcept AssertionError:\n    pass", [2]),
        ("try:\n    for x in y:\n        assert x\nexcept:\n    pass", [3]),
        ("try:\n    assert a\nexcept (ValueError, Exception):\n    print(1)", [2]),
        ("from contextlib import suppress\nwith suppress(AssertionError):\n    assert a", [3]),
        ("def f():\n    try:\n        assert a\n    except BaseException:\n        return", [3]),
        ("try:\n    assert a\nexcept ValueError:\n    pass", []),
        ("try:\n    assert a\nexcept AssertionError:\n    raise", []),
        ("try:\n    f()\nexcept AssertionError as error:\n    print(error)", []),
        ("try:\n    f()\nexcept AssertionError:\n    pass\nelse:\n    assert a", []),
        ("with open(f) as file:\n    assert file", []),
        ("try:\n    def g():\n        assert a\nexcept Exception:\n    pass", []),
    ],
)
def test_swallowed_asserts(code: str, lines: list[int]) -> None:
    assert guard.swallowed_asserts(code) == lines


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "", "0.0.0.0"])
def test_loopback(host: str) -> None:
    assert guard.LOOPBACK.fullmatch(host)


@pytest.mark.parametrize("host", ["example.org", "128.0.0.1", "10.0.0.1", "localhost2", "::2", "8.8.8.8"])
def test_other_addresses(host: str) -> None:
    assert not guard.LOOPBACK.fullmatch(host)


def result(text: str = "", **others: Any) -> BlockResult:
    outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
    return BlockResult("one", outputs=outputs, **others)


def test_a_difference_is_what_is_printed_raised_or_drawn() -> None:
    def told(plain: BlockResult, other: BlockResult) -> str:
        return repeat.difference(plain, other, Tolerance()) or ""

    assert told(result("1\n"), result("1\n")) == ""
    assert "number 1 differs: 1 is now 2" in told(result("1\n"), result("2\n"))
    assert "fails in another world" in told(result(), result(failure="AssertionError: no\nmore"))
    assert told(result(), result(failure="AssertionError: no\nmore")).endswith("AssertionError: no")
    assert "fails here and not in another world" in told(result(failure="E"), result())
    assert told(result(failure="E"), result(failure="E")) == ""
    assert "another state" in told(result(generators={"torch": "a"}), result(generators={"torch": "b"}))
    assert told(result(generators={"torch": "a"}), result(generators={"torch": "a"})) == ""


def test_the_words_behind_a_table_are_not_compared() -> None:
    def table(words: str, html: str) -> BlockResult:
        data = {"text/plain": words, "text/html": html}
        return BlockResult("one", outputs=[{"output_type": "execute_result", "data": data, "metadata": {}}])

    assert repeat.difference(table("a ... c", "<b>a</b>"), table("a b c", "<b>a</b>"), Tolerance()) is None
    assert repeat.difference(table("a", "<b>a</b>"), table("a", "<b>z</b>"), Tolerance()) is not None


def say(sessions: Sessions, code: str) -> str:
    (run,) = sessions.run([Job("part/demo", (BlockCode("one", code),), "/nowhere")])
    assert run.results[0].failure is None, run.results[0].failure
    return "".join(output["text"] for output in run.results[0].outputs)


def test_the_other_world_is_another(sessions: Sessions) -> None:
    here, there = sessions, sessions.elsewhere
    codes = {
        "hash seed": "print(hash('a'))",
        "time": "import time\nprint(time.gmtime().tm_year, time.gmtime().tm_mon)",
        "clock": "import time\nbegan = time.perf_counter()\ntime.sleep(0.01)\nprint(time.perf_counter() - began > 60)",
        "cores": "import os\nprint(os.cpu_count())",
        "host": "import socket\nprint(socket.gethostname())",
        "home": "from pathlib import Path\nprint(Path.home())",
        "zone": "import time\nprint(time.timezone)",
        "width": "import shutil\nprint(shutil.get_terminal_size())",
        "Python": "import sys\nprint(sys.version)",
        "language": "import os\nprint(os.environ['LANG'])",
    }
    same = [name for name, code in codes.items() if say(here, code) == say(there, code)]
    assert same == []


def test_the_other_world_keeps_what_libraries_need(sessions: Sessions) -> None:
    code = (
        "import concurrent.futures, time, timeit\nimport pandas as pd, datetime\n"
        "with concurrent.futures.ThreadPoolExecutor(1) as pool:\n"
        "    print([f.result(9) for f in concurrent.futures.as_completed([pool.submit(time.sleep, 0.2)], 9)])\n"
        "print(isinstance(pd.Timestamp(2020, 1, 1).to_pydatetime(), datetime.datetime))\n"
        "print(time.localtime(0).tm_year, datetime.datetime.fromisoformat('2020-01-02') - datetime.datetime(2020, 1, 1))"
    )
    assert say(sessions.elsewhere, code) == "[None]\nTrue\n1970 1 day, 0:00:00\n"


def test_no_address_but_loopback_answers_there(sessions: Sessions) -> None:
    code = "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=1)\nexcept OSError as e:\n    print(e)"
    assert say(sessions.elsewhere, code) == "no address but loopback answers in this world: 192.0.2.1\n"


def test_its_variables_are_other_ones() -> None:
    normal = {"TZ": "UTC", "LANG": "C.UTF-8", "COLUMNS": "80", "PYTHONHASHSEED": "0", "PATH": "p"}
    other = elsewhere.environment(normal)
    assert other["PATH"] == "p"
    assert all(other[name] != normal[name] for name in normal if name != "PATH")


def test_what_a_function_closes_over() -> None:
    def shell(old: object, late: bool) -> Any:
        if late:
            unset = len

        def new() -> object:
            return old, unset

        return new

    assert list(guard._closed_over(shell(print, late=True))) == [print, len]
    assert list(guard._closed_over(shell(print, late=False))) == [print], "a name without a value is passed over"
    assert list(guard._closed_over(shell)) == []


def test_a_package_may_write_beside_its_own_code_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PACKAGES", (f"{tmp_path}{os.sep}",))

    def seen(writer: str, target: str) -> bool:
        file = tmp_path / target
        space = {"ask": lambda: guard._by_its_package(str(file))}
        exec(compile("answer = ask()", str(tmp_path / writer), "exec"), space)
        return bool(space["answer"])

    monkeypatch.setattr(guard, "__file__", __file__)  # this file's frames are passed over, as the guard's own are
    assert seen("shop/till.py", "shop/seed.txt")
    assert not seen("shop/till.py", "bank/seed.txt"), "another package's folder"
    assert not seen("shop/till.py", "shop.txt"), "no package's folder"
    assert not seen("../page.py", "shop/seed.txt"), "a block"
