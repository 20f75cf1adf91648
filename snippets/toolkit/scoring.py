# --8<-- [start:request]
"""A scoring service: JSON in, checked field by field; a score for each candidate."""

import json
from collections.abc import Mapping
from typing import NamedTuple

Row = dict[str, object]
Kinds = Mapping[str, tuple[type, ...]]  # a field's name, the types of its values


class BadRequest(ValueError):
    """A request that can't be answered; its message is for the client."""


class Checks(NamedTuple):
    """What a request must hold."""

    context: Kinds  # fields that all candidates of a request share, such as the user
    candidate: Kinds  # fields of each candidate
    limit: int = 500  # the most candidates of one request
    max_bytes: int = 200_000  # the largest body that is read


def checked(where: str, row: object, kinds: Kinds) -> Row:
    """The fields asked for and no others, or a BadRequest that names the place."""
    if not isinstance(row, dict):
        raise BadRequest(f"{where} must be an object")
    for name, allowed in kinds.items():
        if name not in row:
            raise BadRequest(f"{where}: {name} is missing")
        value = row[name]
        if type(value) not in allowed:  # so true isn't taken for 1
            names = " or ".join(kind.__name__ for kind in allowed)
            found = type(value).__name__
            raise BadRequest(f"{where}: {name} must be {names}, got {found}")
        if isinstance(value, int | float) and not abs(value) < 2**53:  # inf and NaN too
            raise BadRequest(f"{where}: {name} is out of range")
    return {name: row[name] for name in kinds}


def read_request(body: bytes, checks: Checks) -> "tuple[Row, list[Row]]":
    """The context and the candidates of a body.

    Args:
        body: JSON text such as ``{"context": {"user": 3}, "candidates": [{"ad": 5}]}``.
        checks: what it must hold.

    Raises:
        BadRequest: it isn't such a text, or a field is missing or has a wrong type.

    Example:
        >>> checks = Checks({"user": (int,)}, {"ad": (int,)})
        >>> read_request(b'{"context": {"user": 3}, "candidates": [{"ad": 5}]}', checks)
        ({'user': 3}, [{'ad': 5}])
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body must be JSON") from None
    lists: Kinds = {"context": (dict,), "candidates": (list,)}
    request = checked("request", request, lists)
    context = checked("context", request["context"], checks.context)
    rows = request["candidates"]
    assert isinstance(rows, list)  # checked above; for the type checker
    if not 1 <= len(rows) <= checks.limit:
        raise BadRequest(f"candidates must be 1 to {checks.limit}, got {len(rows)}")
    candidates = [
        checked(f"candidates[{number}]", row, checks.candidate)
        for number, row in enumerate(rows)
    ]
    return context, candidates
# --8<-- [end:request]


# --8<-- [start:handler]
import logging
import math
from http.server import BaseHTTPRequestHandler


class ScoreHandler(BaseHTTPRequestHandler):
    """Answers POST /score; each request runs in a thread of its own."""

    server: "ScoringServer"
    timeout = 10  # seconds that a client may keep silent

    def do_POST(self) -> None:
        """Read, check, score, answer."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 12):
            return self.answer(411, {"error": "Content-Length is missing"})
        most = self.server.checks.max_bytes
        body = self.rfile.read(min(int(length), 8 * most))  # clients send, then read
        if self.path != "/score":
            return self.answer(404, {"error": "ask for /score"})
        if int(length) > most:
            return self.answer(413, {"error": f"the body may have {most} bytes"})
        try:
            request = read_request(body, self.server.checks)
        except BadRequest as wrong:
            return self.answer(400, {"error": str(wrong)})
        try:
            scores = [float(score) for score in self.server.score(*request)]
            if len(scores) != len(request[1]) or not all(map(math.isfinite, scores)):
                raise ValueError("not a finite number for each candidate")
        except Exception:  # the log tells what went wrong, the client needn't know
            logging.getLogger(__name__).exception("the model failed")
            return self.answer(500, {"error": "the model failed"})
        self.answer(200, {"scores": scores})

    def do_GET(self) -> None:
        """There is nothing to get."""
        known = self.path == "/score"
        error = "send a POST" if known else "ask for /score"
        self.answer(405 if known else 404, {"error": error})

    def answer(self, status: int, content: "dict[str, object]") -> None:
        """Send JSON, and close the connection."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
# --8<-- [end:handler]


# --8<-- [start:server]
import threading
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType


class ScoringServer(ThreadingHTTPServer):
    """Serves a model on this machine, at a port that the system chooses.

    As a context manager it runs; at the end of the block it answers what it has begun,
    and stops.

    Args:
        score: function of (context, candidates) that gives a number for each candidate.
            Several threads call it at once, so it must not change the model.
        checks: what a request must hold.

    Shape:
        POST /score with ``{"context": {...}, "candidates": [{...}, ...]}``; the answer
        is ``{"scores": [...]}`` with status 200, or ``{"error": "..."}``: 400 for what
        can't be read or fails a check, 404 for another path, 405 for GET, 411 without
        a length, 413 for a body that is too long, 500 if the model fails (see the log).

    Example:
        >>> checks = Checks({"user": (int,)}, {"ad": (int,)})
        >>> half = lambda context, candidates: [0.5] * len(candidates)
        >>> with ScoringServer(half, checks) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    daemon_threads = False  # server_close waits for answers that are under way
    request_queue_size = 128  # connections that may wait to be accepted

    def __init__(
        self, score: "Callable[[Row, list[Row]], Sequence[float]]", checks: Checks
    ) -> None:
        self.score, self.checks = score, checks
        super().__init__(("127.0.0.1", 0), ScoreHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/score"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away while it is answered stops nothing."""

    def __enter__(self) -> "ScoringServer":
        self.runner = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.runner.start()
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        self.shutdown()
        self.runner.join()
        self.server_close()
# --8<-- [end:server]
