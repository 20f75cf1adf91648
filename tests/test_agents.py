"""book.find.agents and book.site.skill: what agents get, asked by a client over stdin and stdout as they ask."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from book.find import agents, passages, reference
from book.ground.errors import BookError
from book.ground.tree import HERE
from book.site import skill

QUESTIONS = [
    ("en", "second derivative", "concepts/autograd/"),
    ("en", "torch.autograd.grad", "reference/"),
    ("en", "clip the gradient norm", "components/optimizers/"),
    ("en", "learning rate warmup", "components/schedules/"),
    ("en", "how do I freeze layers", "tensors/functional_and_module/"),
    ("en", "RuntimeError: Trying to backward through the graph a second time", "concepts/autograd/"),
    ("en", "np.concatenate", "tensors/shapes/"),
    ("en", "label smoothing", "components/losses/"),
    ("en", "receptive field", "components/convolution/"),
    ("en", "early stopping", "levels/high_level/"),
    ("zh", "二阶导数", "concepts/autograd/"),
    ("zh", "梯度裁剪", "components/optimizers/"),
    ("zh", "全连接层", "components/layers/"),
    ("zh", "損失函數", "components/losses/"),
    ("zh", "学习率预热", "components/schedules/"),
    ("zh", "怎么冻结某些层", "tensors/functional_and_module/"),
    ("zh", "view 和 reshape 的区别", "concepts/tensors/"),
    ("zh", "多头注意力", "components/sequences/"),
    ("zh", "广播", "tensors/einsum_and_broadcasting/"),
    ("zh", "标签平滑", "components/losses/"),
]
PROGRAMS = 4  # of the answers' programs are run; the others are only fetched

CLIENT = """
import json, sys
import anyio
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

async def main(asked):
    server = StdioServerParameters(command=sys.executable, args=["-m", "book", "mcp"], env=ENVIRONMENT)
    async with Client(stdio_client(server)) as client:
        tools = (await client.list_tools()).tools
        told = {"tools": {tool.name: tool.annotations.read_only_hint for tool in tools}, "answers": []}
        for language, query, _ in asked:
            found = await client.call_tool("find", {"query": query, "language": language})
            rows = found.structured_content["answers"]
            block = next((f"{row['page']}:{row['block']}" for row in rows if row.get("has_program")), "")
            program = (await client.call_tool("program", {"block": block})).content[0].text if block else ""
            read = await client.call_tool("read", {"place": next(r["address"] for r in rows if r["kind"] == "section"), "language": language})
            told["answers"].append([[row["address"] for row in rows], block, program, read.content[0].text])
        api = await client.call_tool("api", {"name": "torch.autograd.grad"})
        wrong = await client.call_tool("api", {"name": "torch.autograd.gard"})
        told |= {"api": api.structured_content, "wrong": [wrong.is_error, wrong.content[0].text]}
    print(json.dumps(told))

anyio.run(main, json.loads(sys.stdin.read()))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a client was told that asked all questions; it and the server are processes of their own."""
    pytest.importorskip("mcp")
    code = CLIENT.replace("ENVIRONMENT", repr({"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE.root,
        input=json.dumps(QUESTIONS),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def test_the_tools_only_read(told: dict[str, Any]) -> None:
    assert told["tools"] == {"find": True, "read": True, "program": True, "api": True}


def test_twenty_questions(told: dict[str, Any]) -> None:
    assert len(QUESTIONS) == 20
    for (_, query, place), (found, _, _, read) in zip(QUESTIONS, told["answers"], strict=True):
        assert any(address.startswith(place) for address in found[:3]), (query, found[:3])
        assert read.startswith("#") and "--8<--" not in read, query


def test_its_programs_run(told: dict[str, Any], tmp_path: Path) -> None:
    programs = {block: program for _, block, program, _ in told["answers"] if block}
    assert len(programs) >= 12 and all("import torch" in program for program in programs.values())
    for block, program in sorted(programs.items())[:PROGRAMS]:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{block}: {done.stderr[-500:]}"


def test_an_api_and_a_wrong_name(told: dict[str, Any]) -> None:
    assert told["api"]["signature"].startswith("torch.autograd.grad(")
    assert told["api"]["examples"][0]["block"] == "concepts/autograd:grad_returns"
    failed, says = told["wrong"]
    assert failed and 'did you mean "torch.autograd.grad"?' in says


def test_without_the_package_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(BookError, match=r"mcp is not installed .*pip install"):
        agents.serve(HERE)


def test_serving_imports_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import book.find.agents, book.find.passages; print('ok')"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE.root, capture_output=True, text=True, timeout=60)
    assert done.stdout == "ok\n", done.stderr


# ---- Passages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["concepts/autograd#second-derivatives", "concepts/autograd/#code-second_derivative", "concepts/autograd:second_derivative"])  # fmt: skip
def test_a_section_has_its_code_and_what_it_printed(place: str) -> None:
    text = passages.section(HERE, place)
    assert text.startswith("## Second derivatives {#second-derivatives}\n")
    assert "<!-- second_derivative -->\n``` python\n" in text and "create_graph=True" in text
    assert "A graph is used once" not in text, "the next section"


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: passages.section(HERE, "concepts/autograd#second-derivative"), 'did you mean "second-derivatives"?'),
        (lambda: passages.section(HERE, "concepts/autogard"), "no such page"),
        (lambda: passages.program(HERE, "concepts/autograd"), "write PAGE:BLOCK"),
        (lambda: passages.program(HERE, "concepts/autograd:backward_scaler"), 'did you mean "backward_scalar"?'),
        (lambda: passages.api(reference.build(HERE), "torch.tensr"), 'did you mean "torch.tensor"?'),
    ],
)
def test_a_wrong_place_is_told(ask: Any, says: str) -> None:
    with pytest.raises(BookError) as error:
        ask()
    assert says in str(error.value)


def test_the_skill_and_its_index_agree() -> None:
    files = skill.files("https://example.org/book/")
    listed = json.loads(files[f"{skill.FOLDER}/index.json"])["skills"][0]
    text = files[f"{skill.FOLDER}/{skill.NAME}/SKILL.md"]
    assert listed["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert text.startswith(f"---\nname: {skill.NAME}\ndescription: ") and len(skill.DESCRIPTION) <= 1024
    assert listed["url"] == f"https://example.org/book/{skill.FOLDER}/{skill.NAME}/SKILL.md"
    for named in ("llms.txt", "api.json", "python -m book find", "python -m book mcp", "python -m book copy"):
        assert named in text
