"""snippets/toolkit/data.py, against a server on the loopback interface and small files of the originals' formats."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import pickle
import re
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from servers import free_port

from book.ground.tree import HERE
from snippets.toolkit import data
from snippets.toolkit.data import DataError, cache_folder, cifar2, covid, criteo, fetch, place, quoted, unpack

BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()


@dataclass
class Server:
    """A server whose behaviour a test sets, and what it was asked.

    Attributes:
        body: the file at /file.bin.
        ranges: whether it can send a part.
        cuts: after how many bytes to cut each answer, in order; then none is cut.
        tag: its ETag, if any.
        length: whether it tells the length.
        status: an error to answer with.
        asked: the Range header of each request.
        paths: the path of each request, as it was sent.
    """

    url: str = ""
    body: bytes = BODY
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    tag: str = '"v1"'
    modified: str = ""
    length: bool = True
    status: int = 0
    shift: int = 0
    asked: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    conditions: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *_: object) -> None:
        """A test prints nothing."""

    def do_GET(self) -> None:
        told: Server = self.server.told  # type: ignore[attr-defined]
        wanted = self.headers.get("Range")
        told.asked.append(wanted)
        told.paths.append(self.path)
        told.conditions.append(self.headers.get("If-Range"))
        self.close_connection = True
        if told.status or not self.path.startswith("/file.bin"):
            self.send_error(told.status or 404)
            return
        condition = self.headers.get("If-Range")
        start = 0
        if wanted and told.ranges and condition in (None, told.tag, told.modified):
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
        if start and start >= len(told.body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(told.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = told.body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + told.shift}-{len(told.body) - 1}/{len(told.body)}")
        if told.tag:
            self.send_header("ETag", told.tag)
        if told.modified:
            self.send_header("Last-Modified", told.modified)
        if told.length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: told.cuts.pop(0)] if told.cuts else body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on 127.0.0.1, stopped after the test."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = False  # so that server_close waits for them
    http.told = told = Server(f"http://127.0.0.1:{http.server_port}/file.bin")  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    http.shutdown()
    thread.join(10)
    http.server_close()


def get(server: Server, folder: Path, **options: Any) -> Path:
    return fetch(server.url, folder=folder, progress=False, timeout=5, **options)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- Where files are kept


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNABLE_PYTORCH_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "runnable-pytorch"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "runnable-pytorch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "runnable-pytorch"
    monkeypatch.setenv("RUNNABLE_PYTORCH_DATA", "~/mine")
    assert cache_folder() == tmp_path / "mine"


def test_place_keeps_files_of_one_name_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNABLE_PYTORCH_DATA", "/data")
    assert place("https://a.org/b/train.csv") == Path("/data/a.org/b/train.csv")
    urls = ["https://a.org/b/t.csv", "https://a.org/c/t.csv", "https://a.org:81/b/t.csv", "https://a.org/b/t.csv?v=1"]
    assert len({place(url) for url in [*urls, "https://a.org/b/t.csv?v=2"]}) == 5
    assert place("https://user:secret@a.org/t.csv") == Path("/data/a.org/t.csv")
    assert {place(url, "x") for url in urls} == {Path("x/t.csv")}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://a.org/b", "a.org/b", "https:///b", "https://a.org", "https://a.org/",
        "https://a.org/b/", "https://a.org/..", "https://a.org/../b/c", "https://a.org/%2e%2e/b", "https://a.org/b%2fc",
        "https://a.org/b%5Cc", "https://a.org/b%00",
    ],
)  # fmt: skip
def test_place_refuses_what_is_no_file(url: str) -> None:
    with pytest.raises(ValueError, match="url must"):
        place(url)


# ---- fetch


def test_fetch_downloads_once(server: Server, tmp_path: Path) -> None:
    path = get(server, tmp_path, sha256=SHA256, md5=MD5)
    assert path == tmp_path / "file.bin" and path.read_bytes() == BODY and left(tmp_path) == ["file.bin"]
    server.status = 500
    assert get(server, tmp_path, sha256=SHA256.upper()) == path and get(server, tmp_path) == path
    assert server.asked == [None]


def test_fetch_uses_the_cache_folder(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNABLE_PYTORCH_DATA", str(tmp_path / "not" / "there yet"))
    path = fetch(server.url, progress=False)
    assert path.is_relative_to(tmp_path / "not" / "there yet") and path.read_bytes() == BODY


def test_fetch_of_an_empty_file(server: Server, tmp_path: Path) -> None:
    server.body = b""
    assert get(server, tmp_path).read_bytes() == b""


def test_fetch_shows_a_progress_bar(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(server.url, folder=tmp_path)
    shown = capsys.readouterr().err
    assert "file.bin: 100%" in shown and "300k/300k" in shown
    get(server, tmp_path / "quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("known", ["tag", "date", "checksum"])
def test_a_cut_download_goes_on_where_it_stopped(server: Server, tmp_path: Path, known: str) -> None:
    server.cuts = [100_000, 50_000]
    server.tag = '"v1"' if known == "tag" else ""
    server.modified = "Mon, 01 Jan 2024 00:00:00 GMT" if known == "date" else ""
    path = get(server, tmp_path, sha256=SHA256 if known == "checksum" else None)
    assert path.read_bytes() == BODY and left(tmp_path) == ["file.bin"]
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert server.conditions[1] == {"tag": '"v1"', "date": server.modified, "checksum": None}[known]


def test_a_half_file_left_over_is_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(BODY[:123_456])
    assert get(server, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert server.asked == ["bytes=123456-"] and left(tmp_path) == ["file.bin"]


def test_a_half_file_that_nothing_vouches_for_is_not_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"other")
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked == [None]


def test_a_file_that_changed_meanwhile_is_sent_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"old")
    (tmp_path / "file.bin.part.tag").write_text('"v0"')
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked == ["bytes=3-"] and server.conditions == ['"v0"']


def test_a_weak_tag_does_not_vouch_for_bytes(server: Server, tmp_path: Path) -> None:
    server.cuts, server.tag = [1000], 'W/"v1"'
    with pytest.raises(DataError, match="ends too early"):
        server.cuts = [1000, 1000]
        get(server, tmp_path)
    assert server.asked == [None, None]


@pytest.mark.parametrize("half", [BODY, BODY + b"more"], ids=["whole", "too long"])
def test_a_half_file_that_is_not_half(server: Server, tmp_path: Path, half: bytes) -> None:
    (tmp_path / "file.bin.part").write_bytes(half)
    assert get(server, tmp_path, md5=MD5).read_bytes() == BODY
    assert len(server.asked) == (1 if half == BODY else 2)


def test_a_server_that_sends_another_part(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(BODY[:1000])
    server.shift = 1
    assert get(server, tmp_path, md5=MD5).read_bytes() == BODY
    assert server.asked == ["bytes=1000-", None]


def test_a_server_without_ranges_sends_all(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "file.bin.part").write_bytes(BODY[:1000])
    assert get(server, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert server.asked == ["bytes=1000-"]


def test_a_cut_download_from_a_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [5000, 5000]
    with pytest.raises(DataError, match=r"ends too early, after 5,000 bytes\. They are kept in .*call fetch again"):
        get(server, tmp_path, sha256=SHA256)
    assert "file.bin" not in left(tmp_path)
    assert get(server, tmp_path, sha256=SHA256).read_bytes() == BODY


def test_a_download_that_stays_cut(server: Server, tmp_path: Path) -> None:
    server.cuts = [70_000, 0]
    with pytest.raises(DataError, match="ends too early, after 70,000 bytes"):
        get(server, tmp_path)
    assert (tmp_path / "file.bin.part").stat().st_size == 70_000 and not (tmp_path / "file.bin").exists()
    assert get(server, tmp_path, sha256=SHA256).read_bytes() == BODY  # the next call goes on
    assert server.asked[-1] == "bytes=70000-"


def test_a_server_that_tells_no_length(server: Server, tmp_path: Path) -> None:
    server.length = False
    assert get(server, tmp_path, sha256=SHA256).read_bytes() == BODY


def test_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"its sha256 is {SHA256} instead of {'0' * 64}. Nothing was kept"):
        get(server, tmp_path, sha256="0" * 64)
    assert left(tmp_path) == []
    with pytest.raises(DataError, match=f"its md5 is {MD5} instead of"):
        get(server, tmp_path, sha256=SHA256, md5="0" * 32)
    assert left(tmp_path) == []


def test_half_file_of_another_version_is_found_out(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(DataError, match=r"its sha256 is .* instead of"):
        get(server, tmp_path, sha256=SHA256)
    assert left(tmp_path) == []
    assert get(server, tmp_path, sha256=SHA256).read_bytes() == BODY


def test_damaged_file_in_the_cache_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(BODY[:-1])
    assert get(server, tmp_path, md5=MD5).read_bytes() == BODY


@pytest.mark.parametrize("options", [{"sha256": "abc"}, {"md5": "g" * 32}, {"md5": SHA256}], ids=str)
def test_what_is_no_checksum(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hexadecimal digits, got"):
        fetch("http://127.0.0.1:9/x", folder=tmp_path, **options)


@pytest.mark.parametrize(("status", "told"), [(404, "404 Not Found"), (403, "403 Forbidden"), (503, "503 Service")])
def test_http_error(server: Server, tmp_path: Path, status: int, told: str) -> None:
    server.status = status
    with pytest.raises(DataError, match=f"the server answers {told}"):
        get(server, tmp_path)
    assert left(tmp_path) == []


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    port = free_port()
    place_for_it = re.escape(str(tmp_path / "data.csv"))
    with pytest.raises(DataError, match=rf"can't reach 127\.0\.0\.1:{port} .*Are you offline\?.*{place_for_it}$"):
        fetch(f"http://me:secret@127.0.0.1:{port}/data.csv", folder=tmp_path)
    assert left(tmp_path) == []


def test_no_such_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataError, match=r"can't reach data\.example .*not known.*Are you offline\?"):
        fetch("https://data.example/data.csv", folder=tmp_path)


def test_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DataError, match=r"can't reach .*timed out"):
            fetch(f"http://127.0.0.1:{port}/data.csv", folder=tmp_path, timeout=0.2)


def test_disk_that_is_too_small(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = data.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(data.shutil, "disk_usage", lambda _: usage._replace(free=299_999))
    with pytest.raises(DataError, match=r"the disk of .* is full: .* has 300,000 bytes\. Make room"):
        get(server, tmp_path)
    monkeypatch.setattr(data.shutil, "disk_usage", lambda _: usage._replace(free=300_000))
    assert get(server, tmp_path).read_bytes() == BODY


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_disk_that_fills_up(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"the disk of .* is full"):
        get(server, tmp_path)
    assert not (tmp_path / "file.bin").exists()


def test_other_errors_of_the_disk_are_told_as_they_are(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(data, "save", broken)
    with pytest.raises(OSError, match="Input/output error") as raised:
        get(server, tmp_path)
    assert not isinstance(raised.value, DataError)


def test_stopped_process_leaves_no_file_under_the_name(server: Server, tmp_path: Path) -> None:
    """Killed in the middle, the next process goes on."""
    server.cuts = [100_000]
    code = (
        "import os, sys; from snippets.toolkit import data\n"
        "size = data.size_of\n"
        "data.size_of = lambda part: size(part) if size(part) < 1000 else os._exit(7)\n"
        "data.fetch(sys.argv[1], folder=sys.argv[2])"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.root), "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-c", code, server.url, str(tmp_path)]
    assert subprocess.run(command, env=environment, capture_output=True, timeout=120).returncode == 7
    assert left(tmp_path) == ["file.bin.part", "file.bin.part.tag"]
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked == [None, "bytes=100000-"]


@pytest.mark.parametrize("summed", [True, False])
def test_processes_that_ask_at_the_same_time_all_get_the_whole_file(
    server: Server, tmp_path: Path, summed: bool
) -> None:
    """As torchrun starts them: one loads, the others find what it loaded."""
    code = (
        "import sys; from snippets.toolkit import data\n"
        "path = data.fetch(sys.argv[1], folder=sys.argv[2], sha256=sys.argv[3] or None, progress=False)\n"
        "print(len(path.read_bytes()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.root), "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-c", code, server.url, str(tmp_path), SHA256 if summed else ""]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=120) for process in running]
    assert [out.strip() for out, _ in told] == [str(len(BODY))] * 3, told
    assert server.asked == [None] and left(tmp_path) == ["file.bin"]


def test_threads_wait_for_each_other(server: Server, tmp_path: Path) -> None:
    server.cuts = [1000, 2000]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: get(server, tmp_path).read_bytes(), range(4)))
    assert found == [BODY] * 4
    assert server.asked == [None, "bytes=1000-", "bytes=3000-"]


def test_addresses_are_quoted(server: Server, tmp_path: Path) -> None:
    address = server.url + "?name=my file&word=损失#part"
    assert fetch(address, folder=tmp_path, progress=False).read_bytes() == BODY
    assert server.paths == ["/file.bin?name=my%20file&word=%E6%8D%9F%E5%A4%B1"]
    assert quoted("http://a.org/a%20b/损 失.csv") == "http://a.org/a%20b/%E6%8D%9F%20%E5%A4%B1.csv"
    assert quoted("https://例子.org:81/x") == "https://xn--fsqu00a.org:81/x"


@pytest.mark.parametrize("address", ["http://a.org/a\nb.csv", "http://a..org/b.csv"])
def test_malformed_addresses_are_named(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="url must"):
        fetch(address, folder=tmp_path)
    assert left(tmp_path) == []


# ---- unpack


def tar(path: Path, *members: tuple[str, bytes | str], kind: bytes = tarfile.SYMTYPE) -> Path:
    """A .tar.gz: (name, content), or (name, target) of a link of this kind."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = kind, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def test_unpack_makes_a_folder_once(tmp_path: Path) -> None:
    archive = tar(tmp_path / "small.tar.gz", ("a/one.txt", b"1"), ("two.txt", b"22"))
    folder = unpack(archive)
    assert folder == tmp_path / "small"
    assert (folder / "a" / "one.txt").read_bytes() == b"1" and (folder / "two.txt").read_bytes() == b"22"
    archive.unlink()
    assert unpack(archive) == folder
    again = tar(tmp_path / "x.tgz", ("one.txt", b"1"))
    assert unpack(again, tmp_path / "b" / "c") == tmp_path / "b" / "c" and unpack(again) == tmp_path / "x"
    assert left(tmp_path) == ["b", "small", "x", "x.tgz"]


def test_unpack_keeps_links_that_stay_inside(tmp_path: Path) -> None:
    folder = unpack(tar(tmp_path / "a.tar.gz", ("d/one.txt", b"1"), ("d/same.txt", "one.txt")))
    assert (folder / "d" / "same.txt").read_bytes() == b"1"


EVIL: dict[str, Callable[[Path], Path]] = {
    "parent": lambda p: tar(p, ("good.txt", b"1"), ("../x", b"evil")),
    "parent inside": lambda p: tar(p, ("a/../../x", b"evil")),
    "absolute": lambda p: tar(p, (str(p.parent / "x"), b"evil")),
    "link to the parent": lambda p: tar(p, ("l", ".."), ("l/x", b"evil")),
    "link to an absolute path": lambda p: tar(p, ("l", str(p.parent)), ("l/x", b"evil")),
    "link deeper down": lambda p: tar(p, ("a/b/l", "../../../x")),
    "hard link": lambda p: tar(p, ("l", "../secret"), kind=tarfile.LNKTYPE),
    "device": lambda p: tar(p, ("d", ""), kind=tarfile.CHRTYPE),
    "pipe": lambda p: tar(p, ("d", ""), kind=tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", EVIL)
def test_a_member_that_leaves_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    archive = EVIL[name](tmp_path / "evil.tar.gz")
    with pytest.raises(DataError, match=r"the archive's member .* (would leave the folder|is refused)"):
        unpack(archive)
    assert left(tmp_path) == ["evil.tar.gz", "secret"], "nothing is left, inside or outside"


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "flipped"])
def test_damaged_archive(damage: str, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", ("one.bin", BODY))
    whole = archive.read_bytes()
    archive.write_bytes(
        {"cut": whole[:50_000], "text": b"<html>404</html>", "empty": b"", "flipped": whole[:40_000] + b"\0" * 9 + whole[40_009:]}[damage]
    )  # fmt: skip
    with pytest.raises(DataError, match=r"no whole tar archive .*delete it and fetch it again"):
        unpack(archive)
    assert left(tmp_path) == ["a.tar.gz"]


def test_unpack_without_archive_or_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tar is not there"):
        unpack(tmp_path / "none.tar")
    with pytest.raises(DataError, match=r"data\.bin is no tar archive by its name"):
        unpack(tmp_path / "data.bin")
    assert left(tmp_path) == []


def test_unpack_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile, "copyfileobj", full)
    with pytest.raises(DataError, match=r"the disk of .* is full"):
        unpack(tar_with(tmp_path, monkeypatch))
    assert left(tmp_path) == ["a.tar.gz"]


def tar_with(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive, made while tarfile still works."""
    broken = tarfile.copyfileobj
    monkeypatch.undo()
    made = tar(folder / "a.tar.gz", ("one.bin", b"1"))
    monkeypatch.setattr(tarfile, "copyfileobj", broken)
    return made


def test_a_zip_archive_is_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.txt", "1")
    with pytest.raises(DataError, match=r"a\.zip is a zip archive; unpack reads tar archives"):
        unpack(tmp_path / "a.zip", tmp_path / "a")
    assert left(tmp_path) == ["a.zip"], "a good file is not to be deleted"


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tar(tmp_path / "a.tar.gz", ("new", b"1"))
    assert unpack("~/a.tar.gz", "~/b") == tmp_path / "b" and left(tmp_path / "b") == ["new"]


def test_half_unpacked_folder_is_done_anew(tmp_path: Path) -> None:
    (tmp_path / "a.unpacking").mkdir()
    (tmp_path / "a.unpacking" / "old").write_text("old")
    assert left(unpack(tar(tmp_path / "a.tar.gz", ("new", b"1")))) == ["new"]


# ---- cifar2


class OldPickler(pickle._Pickler):
    """Writes as Python 2 and its NumPy did: text strings for bytes, and the old module's name."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_old(self, value: bytes) -> None:
        self.write(b"T" + len(value).to_bytes(4, "little") + value)  # type: ignore[attr-defined]
        self.memoize(value)  # type: ignore[attr-defined]

    dispatch[bytes] = save_old

    def save_global(self, value: object, name: str | None = None) -> None:
        if getattr(value, "__name__", "") == "_reconstruct":
            self.write(b"cnumpy.core.multiarray\n_reconstruct\n")  # type: ignore[attr-defined]
            self.memoize(value)  # type: ignore[attr-defined]
        else:
            super().save_global(value, name)  # type: ignore[misc]

    dispatch[type(np.empty(0).__reduce__()[0])] = save_global


def old_pickle(value: object) -> bytes:
    out = io.BytesIO()
    OldPickler(out, protocol=2).dump(value)
    return out.getvalue()


def batch(seed: int, n: int = 20) -> dict[bytes, object]:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
    return {b"batch_label": b"b", b"labels": [i % 10 for i in range(n)], b"data": pixels, b"filenames": [b"f"] * n}


@pytest.fixture(params=["old", "new"])
def batches(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for seed, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        write = old_pickle if request.param == "old" else pickle.dumps
        (folder / name).write_bytes(write(batch(seed)))
    return folder


def test_cifar2_reads_two_classes(batches: Path) -> None:
    images, labels = cifar2(batches)
    assert images.shape == (20, 3, 32, 32) and images.dtype == torch.uint8
    assert labels.dtype == torch.int64 and labels.tolist() == [0, 1] * 10
    first: Any = batch(0)[b"data"]
    assert images[0, 0, 0, :3].tolist() == first[0, :3].tolist(), "row 0 of red comes first"
    assert images[0, 1, 0, 0] == first[0, 1024] and images[0, 2, 31, 31] == first[0, 3071]
    test_images, _ = cifar2(batches.parent, train=False)  # the folder around it will do too
    assert test_images.shape == (4, 3, 32, 32)


def test_the_old_pickle_is_one() -> None:
    written = old_pickle(batch(0))
    assert b"numpy.core.multiarray\n_reconstruct" in written and b"_codecs" not in written
    assert np.array_equal(pickle.loads(written, encoding="bytes")[b"data"], batch(0)[b"data"])


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize(
    "value", [Evil(), {b"data": Evil()}, {b"labels": print}, {b"data": torch.ones(1)}], ids=range(4)
)
def test_a_pickle_that_calls_something(batches: Path, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(batches.parent)
    (batches / "data_batch_2").write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match=r"data_batch_2 is no batch of CIFAR-10: it asks for \S+, which is no array"):
        cifar2(batches)
    assert left(batches.parent) == ["cifar-10-batches-py"], "nothing was called"


DAMAGED: dict[str, bytes] = {
    "cut": pickle.dumps(batch(0))[:1000],
    "empty": b"",
    "text": b"<html>",
    "a list": pickle.dumps([1, 2]),
    "a number": pickle.dumps(3),
    "no labels": pickle.dumps({b"data": batch(0)[b"data"]}),
    "other size": pickle.dumps({**batch(0), b"data": np.zeros((20, 784), np.uint8)}),
    "other type": pickle.dumps({**batch(0), b"data": np.zeros((20, 3072))}),
    "fewer labels": pickle.dumps({**batch(0), b"labels": [0, 1]}),
    "words": pickle.dumps({**batch(0), b"labels": ["a"] * 20}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_batch_that_is_none(name: str, tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(DAMAGED[name])
    with pytest.raises(DataError, match="test_batch is no batch of CIFAR-10"):
        cifar2(tmp_path, train=False)


def test_cifar2_without_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no data_batch_1: is it the unpacked archive"):
        cifar2(tmp_path)


def test_cifar2_from_the_download(server: Server, batches: Path, tmp_path: Path) -> None:
    archive = tmp_path / "whole.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(batches, "cifar-10-batches-py")
    server.body, server.cuts = archive.read_bytes(), [9000]
    md5 = hashlib.md5(server.body).hexdigest()
    images, _ = cifar2(unpack(get(server, tmp_path / "cache", md5=md5), tmp_path / "cache" / "cifar"))
    assert images.shape == (20, 3, 32, 32) and len(server.asked) == 2


# ---- covid

COUNTS = """\
Province/State,Country/Region,Lat,Long,1/22/20,1/23/20,1/24/20,1/25/20
,Italy,41.8,12.5,2,2,5,4
Hubei,China,30.9,112.2,444,444,549,761
Beijing,China,40.1,116.4,14,22,36,41
"""


def test_covid_counts_new_cases(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(COUNTS, encoding="utf-8")
    italy = covid(path, "Italy")
    assert italy.tolist() == [2, 0, 3, -1] and italy.dtype == "int64" and italy.name == "Italy"
    assert italy.index[0] == pd.Timestamp(2020, 1, 22) and italy.index.is_monotonic_increasing
    assert covid(path, "China").cumsum().tolist() == [458, 466, 585, 802]
    with pytest.raises(ValueError, match=r"country 'Itali' is not in the file \(did you mean 'Italy'\?\)"):
        covid(path, "Itali")
    with pytest.raises(ValueError, match="country 'xyz' is not in the file: there are 2"):
        covid(path, "xyz")
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"is no time series of JHU: \['a', 'b'\]"):
        covid(path, "Italy")


def test_addresses_are_the_published_ones() -> None:
    assert data.CIFAR10.endswith("/~kriz/cifar-10-python.tar.gz") and re.fullmatch(r"[0-9a-f]{32}", data.CIFAR10_MD5)
    assert data.COVID.startswith("https://raw.githubusercontent.com/CSSEGISandData/COVID-19/master/")
    assert place(data.COVID).name == "time_series_covid19_confirmed_global.csv"


# ---- criteo

ROW = ["0", "1", "", "-2", *["5"] * 10, "68fd1e64", "", *["a1b2c3d4"] * 24]


def test_criteo_reads_labels_numbers_and_categories(tmp_path: Path) -> None:
    text = "\t".join(ROW) + "\n" + "\t".join(["1", "1382", *[""] * 38]) + "\n"
    path = tmp_path / "train.txt"
    path.write_text(text, encoding="ascii")
    table = criteo(path)
    assert table.shape == (2, 40) and table.columns[:2].tolist() == ["label", "I1"] and table.columns[-1] == "C26"
    assert table.label.tolist() == [0, 1] and table.I1.tolist() == [1, 1382] and table.I3[0] == -2
    assert table.isna().sum(axis=1).tolist() == [2, 38]
    assert table.C1[0] == "68fd1e64" and pd.isna(table.C2[0]) and table.dtypes.C26 == table.dtypes.C1 == "str"
    assert str(table.dtypes.I2) == "float64" and str(table.dtypes.label) == "int8"
    assert len(criteo(path, rows=1)) == 1
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_frame_equal(criteo(tmp_path / "train.txt.gz"), table)


def test_criteo_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text("\t".join(ROW[1:]) + "\n", encoding="ascii")
    assert criteo(path).columns[0] == "I1" and criteo(path).shape == (1, 39)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\tb\n", "2 columns in its first line, not 40"),
        ("", "No columns"),
        ("\t".join(["x", *ROW[1:]]) + "\n", "invalid literal|could not convert|Unable to parse"),
        ("\t".join(ROW) + "\n" + "\t".join([*ROW, "more"]) + "\n", "Expected 40 fields"),
    ],
    ids=["columns", "empty", "word for a number", "long line"],
)
def test_criteo_of_another_file(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text(text, encoding="ascii")
    with pytest.raises(DataError, match=f"train.txt is no file of Criteo: .*({told})"):
        criteo(path)
