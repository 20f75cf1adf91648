"""Measure this machine: python device_speed.py --device cpu --out speed.json

Median seconds of a matrix product, of attention and of an epoch of a small CNN. Without
--device it takes the accelerator, or the CPU where there is none; with --quick, small sizes.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


def choose(name: str | None) -> torch.device:
    """The device of that name, or the accelerator, or the CPU.

    Args:
        name: such as cuda, mps, xpu or cpu.
    """
    if name is not None:
        return torch.zeros(1, device=name).device
    found = torch.accelerator.current_accelerator(check_available=True)
    return found or torch.device("cpu")


def name_of(device: torch.device) -> str:
    """The model of the processor, never the name of the machine.

    Args:
        device: what is measured.
    """
    module = getattr(torch, device.type, None)
    if device.type in ("cuda", "xpu"):
        return str(module.get_device_name(device))
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [one.split(":")[1].strip() for one in lines if one.startswith("model name")]
    return models[0] if models else f"{platform.machine()} {device.type}"


def wait(device: torch.device) -> None:
    """Return when the device has done all that it was given.

    Args:
        device: what is measured.
    """
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def median(device: torch.device, work: Callable[[], object], times: int) -> float:
    """Median seconds of some work, after two runs that don't count.

    Args:
        device: what is waited for.
        work: does it once.
        times: how often it is measured.
    """
    seconds = []
    for run in range(times + 2):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        if run >= 2:
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def epoch(device: torch.device, pictures: int) -> Callable[[], None]:
    """A function that trains a small CNN on made pictures once.

    Args:
        device: where it trains.
        pictures: how many there are.
    """
    torch.manual_seed(0)
    x = torch.randn(pictures, 1, 28, 28).to(device)
    y = torch.randint(10, (pictures,)).to(device)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2704, 10),
    ).to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def train() -> None:
        for rows in torch.arange(pictures, device=device).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()

    return train


def measure(device: torch.device, quick: bool) -> dict[str, float]:
    """Median seconds of each kind of work.

    Args:
        device: what is measured.
        quick: take small sizes.
    """
    torch.manual_seed(0)
    rows, length, pictures, times = (256, 64, 256, 3) if quick else (2048, 512, 4096, 9)
    a = torch.randn(rows, rows).to(device)
    q = torch.randn(8, 4, length, 32).to(device)

    def attend() -> torch.Tensor:
        return F.scaled_dot_product_attention(q, q, q)

    return {
        "matmul": median(device, lambda: a @ a, times),
        "attention": median(device, attend, times),
        "cnn epoch": median(device, epoch(device, pictures), times if quick else 3),
    }


def main() -> None:
    """Measure, and print or write the report."""
    parser = argparse.ArgumentParser(description="Measure a device.")
    parser.add_argument("--device", help="cuda, mps, xpu or cpu; default: the accelerator")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a trial")
    parser.add_argument("--out", type=Path, help="the file to write; default: print")
    chosen = parser.parse_args()
    try:
        device = choose(chosen.device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        parser.exit(2, f"{chosen.device} doesn't work here: {why}\n")
    report = {
        "schema": 1,
        "device": device.type,
        "name": name_of(device),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "date": date.today().isoformat(),
        "quick": chosen.quick,
        "seconds": measure(device, chosen.quick),
    }
    text = json.dumps(report, indent=1)
    if chosen.out:
        chosen.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
