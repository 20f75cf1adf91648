"""snippets/toolkit/scoring.py: what it answers, over real connections on the loopback interface."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from snippets.toolkit.ranking_layers import FactorizationMachine, FieldEmbedding
from snippets.toolkit.scoring import BadRequest, Checks, Row, ScoringServer, read_request

CHECKS = Checks({"user": (int,), "age": (int, float, type(None))}, {"ad": (int,)}, limit=3, max_bytes=1000)
GOOD: dict[str, Any] = {"context": {"user": 3, "age": 4.5}, "candidates": [{"ad": 5}, {"ad": 6}]}


def scored(context: Row, candidates: list[Row]) -> list[float]:
    return [context["user"] + row["ad"] / 8 for row in candidates]  # type: ignore[operator]


@pytest.fixture(scope="module")
def running() -> Iterator[ScoringServer]:
    with ScoringServer(scored, CHECKS) as server:
        yield server


def ask(
    server: ScoringServer, body: bytes | None, path: str = "/score", method: str = "POST", **headers: str
) -> tuple[int, Any]:
    """Status and content of one answer, which must be JSON and say so."""
    wire = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    try:
        wire.request(method, path, body, headers)
        answer = wire.getresponse()
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.read())
    finally:
        wire.close()


def changed(**change: Any) -> bytes:
    return json.dumps(GOOD | change).encode()


def test_scores_come_in_the_order_of_the_candidates(running: ScoringServer) -> None:
    assert ask(running, changed()) == (200, {"scores": [3.625, 3.75]})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body must be JSON"),
        (b"user=3", "the body must be JSON"),
        (b"\xff\xfe", "the body must be JSON"),
        (b"[" * 900, "the body must be JSON"),
        (b"[]", "request must be an object"),
        (b"{}", "request: context is missing"),
        (changed(context=[]), "request: context must be dict, got list"),
        (changed(candidates={}), "request: candidates must be list, got dict"),
        (changed(candidates=[]), "candidates must be 1 to 3, got 0"),
        (changed(candidates=[{"ad": 1}] * 4), "candidates must be 1 to 3, got 4"),
        (changed(context={"age": 1}), "context: user is missing"),
        (changed(context={"user": 1}), "context: age is missing"),
        (changed(context={"user": "1", "age": 1}), "context: user must be int, got str"),
        (changed(context={"user": True, "age": 1}), "context: user must be int, got bool"),
        (changed(context={"user": 1.0, "age": 1}), "context: user must be int, got float"),
        (changed(context={"user": 1, "age": "x"}), "context: age must be int or float or NoneType, got str"),
        (changed(context={"user": 10**30, "age": 1}), "context: user is out of range"),
        (b'{"context": {"user": 1, "age": NaN}, "candidates": [{"ad": 1}]}', "context: age is out of range"),
        (b'{"context": {"user": 1, "age": 1e999}, "candidates": [{"ad": 1}]}', "context: age is out of range"),
        (changed(candidates=[{"ad": 1}, {}]), "candidates[1]: ad is missing"),
        (changed(candidates=[{"ad": 1}, 2]), "candidates[1] must be an object"),
        (changed(candidates=[{"ad": None}]), "candidates[0]: ad must be int, got NoneType"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(running: ScoringServer, body: bytes, said: str) -> None:
    assert ask(running, body) == (400, {"error": said})


def test_other_fields_are_left_out() -> None:
    body = changed(context={"user": 1, "age": None, "is_admin": True})
    assert read_request(body, CHECKS)[0] == {"user": 1, "age": None}


def test_other_paths_methods_and_lengths(running: ScoringServer) -> None:
    assert ask(running, changed(), "/scores")[0] == 404
    assert ask(running, None, "/", "GET")[0] == 404
    assert ask(running, None, "/score", "GET")[0] == 405
    assert ask(running, b"", **{"Content-Length": "x"})[0] == 411
    assert ask(running, b"", **{"Content-Length": "-5"})[0] == 411


@pytest.mark.parametrize(("length", "status"), [(1000, 200), (1001, 413), (7000, 413), (8000, 413)])
def test_a_body_that_is_too_long(running: ScoringServer, length: int, status: int) -> None:
    """The client sends all of it before it reads the answer."""
    assert ask(running, changed().ljust(length))[0] == status


def test_a_huge_length_is_not_read(running: ScoringServer) -> None:
    with socket.create_connection(("127.0.0.1", running.server_port), timeout=30) as wire:
        wire.sendall(b"POST /score HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n" + b" " * 8000)
        assert b" 413 " in wire.makefile("rb").readline()


def test_a_client_that_goes_away_stops_nothing(running: ScoringServer, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", running.server_port), timeout=30) as wire:
            wire.sendall(b"POST /score HTTP/1.0\r\nContent-Length: 500\r\n\r\n{")
    assert ask(running, changed())[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "score",
    [
        lambda context, rows: 1 / 0,
        lambda context, rows: [0.5],
        lambda context, rows: [0.5, float("nan")],
        lambda context, rows: [0.5, float("inf")],
    ],
)
def test_a_model_that_fails_is_logged_and_not_told(score: Any, caplog: pytest.LogCaptureFixture) -> None:
    with ScoringServer(score, CHECKS) as server, caplog.at_level(logging.ERROR):
        assert ask(server, changed()) == (500, {"error": "the model failed"})
        assert [one.message for one in caplog.records] == ["the model failed"]
        assert caplog.records[0].exc_info


def test_200_requests_from_8_threads_are_the_batch() -> None:
    torch.manual_seed(0)
    table, pairs = FieldEmbedding([50, 30], dim=4, std=1.0), FactorizationMachine()
    net = nn.Sequential(table, pairs).eval()

    def score(context: Row, rows: list[Row]) -> list[float]:
        with torch.inference_mode():
            found: list[float] = net(torch.tensor([[context["user"], row["ad"]] for row in rows])).tolist()
            return found

    checks = Checks({"user": (int,)}, {"ad": (int,)})
    ads = [{"ad": ad} for ad in range(30)]
    bodies = [json.dumps({"context": {"user": n % 50}, "candidates": ads}).encode() for n in range(200)]
    with ScoringServer(score, checks) as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: ask(server, body), bodies))
    assert {status for status, _ in answers} == {200}
    rows = torch.cartesian_prod(torch.arange(200) % 50, torch.arange(30))
    with torch.inference_mode():
        batch = net(rows).view(200, 30)
    assert torch.allclose(torch.tensor([answer["scores"] for _, answer in answers]), batch)


def test_it_answers_several_at_once() -> None:
    """Eight requests that wait for each other: one after the other they would never end."""
    barrier = threading.Barrier(8)

    def score(context: Row, rows: list[Row]) -> list[float]:
        barrier.wait(timeout=20)
        return [0.0] * len(rows)

    with ScoringServer(score, CHECKS) as server, ThreadPoolExecutor(8) as pool:
        assert [status for status, _ in pool.map(lambda _: ask(server, changed()), range(8))] == [200] * 8


def test_it_stops_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with ScoringServer(scored, CHECKS) as server:
        port = server.server_port
        assert ask(server, changed())[0] == 200
    assert set(threading.enumerate()) <= before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_it_stops_after_an_error_too() -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyError), ScoringServer(scored, CHECKS):
        raise KeyError
    assert set(threading.enumerate()) <= before


def test_it_listens_on_this_machine_alone(running: ScoringServer) -> None:
    assert running.server_address[0] == "127.0.0.1"
    assert running.url == f"http://127.0.0.1:{running.server_port}/score"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["context", "candidates", "user"]), inner),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        context, candidates = read_request(json.dumps(value).encode(), CHECKS)
    except BadRequest as wrong:
        assert str(wrong)
    else:
        assert set(context) == set(CHECKS.context) and 1 <= len(candidates) <= 3


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(body, CHECKS)
