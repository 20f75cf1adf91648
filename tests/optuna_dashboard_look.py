"""The real optuna-dashboard on a small study, in a Chromium: ``python tests/optuna_dashboard_look.py`` keeps its picture."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import app_support as apps
import browser_support as support
import tensorboard_tabs as tabs
from playwright.sync_api import Browser, expect
from servers import free_port

from book.ground.files import write_atomically
from book.ground.tree import HERE

PICTURE = HERE.root / "docs/theme/images/tools/optuna_dashboard.png"
SIZE = {"width": 1280, "height": 760}
TRIALS = 30


def study(folder: Path) -> str:
    """The storage of a study ``hills``, made by TPE with a seed."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def height(trial: optuna.Trial) -> float:
        return (trial.suggest_float("x", -5, 5) - 2) ** 2 + (trial.suggest_float("y", -5, 5) + 1) ** 2

    storage = f"sqlite:///{folder / 'study.db'}"
    sampler = optuna.samplers.TPESampler(seed=0)
    optuna.create_study(storage=storage, study_name="hills", sampler=sampler).optimize(height, n_trials=TRIALS)
    return storage


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a dashboard on a study in this folder, which ends with the block."""
    port = free_port()
    program = Path(sysconfig.get_path("scripts"), "optuna-dashboard")
    command = [sys.executable, str(program), study(folder), "--host", "127.0.0.1", "--port", str(port)]
    base = f"http://127.0.0.1:{port}"
    with apps.server([*command, "--server", "wsgiref"], folder, f"{base}/api/studies"):
        yield base


def seen(browser: Browser, base: str) -> tuple[set[str], bytes]:
    """The hosts that the page of the study asks, and its picture as PNG."""
    page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]) if "://" in request.url else None)
    try:
        page.goto(f"{base}/dashboard/studies/1")
        expect(page.get_by_text("hills").first).to_be_visible(timeout=120_000)
        expect(page.get_by_role("heading", name="History")).to_be_visible(timeout=120_000)
        page.wait_for_timeout(4000)  # the curves are drawn after their cards
        return asked, page.screenshot()
    finally:
        page.close()


def main() -> int:
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, serving(Path(folder)) as base, support.launched() as browser:
        asked, png = seen(browser, base)
    write_atomically(PICTURE, tabs.small(png))
    print(f"{PICTURE.relative_to(HERE.root)}: {PICTURE.stat().st_size / 1000:.0f} kB; asked {', '.join(sorted(asked))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
