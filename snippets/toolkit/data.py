# --8<-- [start:cache]
"""Data by download: fetch, unpack and read the originals of the book's data sets."""

import difflib
import errno
import hashlib
import http.client
import os
import pickle
import re
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from tqdm.auto import tqdm


class DataError(OSError):
    """A file could not be fetched, unpacked or read. The message says what to do."""


def cache_folder() -> Path:
    """Where fetch keeps files, unless it is told otherwise.

    Returns:
        The environment variable ``RUNNABLE_PYTORCH_DATA`` if it is set, else
        ``runnable-pytorch`` below ``XDG_CACHE_HOME``, else below ``~/.cache``.
    """
    chosen = os.environ.get("RUNNABLE_PYTORCH_DATA")
    if chosen:
        return Path(chosen).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # the XDG rules: a relative path does not count
        base = Path.home() / ".cache"
    return base / "runnable-pytorch"


def place(url: str, folder: "str | Path | None" = None) -> Path:
    """Where the file of a URL is kept: by its name in folder, else by its whole address.

    Raises:
        ValueError: the address is not http or https, or names no file.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url must start with http:// or https://, got {url!r}")
    names = [urllib.parse.unquote(name) for name in parts.path.split("/")[1:]]
    if not names or any(n in ("", ".", "..") or re.search(r"[\\/:\0]", n) for n in names):
        raise ValueError(f"url must end in the name of a file, got {url!r}")
    if folder is not None:
        return Path(folder).expanduser() / names[-1]
    if parts.query:  # two queries are two files
        names.insert(-1, hashlib.sha256(parts.query.encode()).hexdigest()[:8])
    host = parts.hostname + (f"_{parts.port}" if parts.port else "")
    return cache_folder().joinpath(host, *names)


def quoted(url: str) -> str:
    """The URL with blanks and letters outside ASCII as it must be sent.

    Raises:
        ValueError: it has control characters, or no valid host.
    """
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError(f"url must not hold control characters, got {url!r}")
    parts = urllib.parse.urlsplit(url)
    try:
        host = parts.netloc.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"url must name a valid host, got {url!r}") from error
    path, query = (
        urllib.parse.quote(text, safe="%/:=&?~+!$,;'@()*[]")
        for text in (parts.path, parts.query)
    )
    return urllib.parse.urlunsplit((parts.scheme, host, path, query, ""))


def lock_of(target: Path) -> FileLock:
    """A lock that the processes of a machine share: one at a time works on the target."""
    name = hashlib.sha256(str(target.absolute()).encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"runnable-pytorch-{name}.lock")
# --8<-- [end:cache]


# --8<-- [start:receive]
def size_of(part: Path) -> int:
    """Bytes of a half file; 0 if there is none."""
    return part.stat().st_size if part.exists() else 0


def tag_of(part: Path) -> Path:
    """Where the server's mark of the version that is in ``part`` is kept."""
    return part.with_name(part.name + ".tag")


def forget(part: Path) -> None:
    """Delete a half file and its mark."""
    part.unlink(missing_ok=True)
    tag_of(part).unlink(missing_ok=True)


def save(
    answer: "http.client.HTTPResponse",
    part: Path,
    have: int,
    total: "int | None",
    progress: bool,
) -> bool:
    """Write what the server sends behind the first ``have`` bytes; False if it was cut."""
    if total is not None and shutil.disk_usage(part.parent).free < total - have:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    name = part.name.removesuffix(".part")
    bar = tqdm(
        total=total, initial=have, unit="B", unit_scale=True, desc=name, disable=not progress
    )
    with bar, part.open("ab" if have else "wb") as file:
        while True:
            try:
                chunk = answer.read(1 << 16)
            except (OSError, http.client.HTTPException):
                return False
            if not chunk:
                return total is None or size_of(part) == total
            file.write(chunk)
            file.flush()
            have += len(chunk)
            bar.update(len(chunk))


def receive(url: str, part: Path, summed: bool, timeout: float, progress: bool) -> bool:
    """Ask for what is missing in ``part`` and add what comes; tells if it is whole now.

    Args:
        summed: a checksum will find out if the half file belongs to another version;
            without it and without the server's mark, the download starts anew.
    """
    have, tag = size_of(part), ""
    if tag_of(part).exists():
        tag = tag_of(part).read_text(encoding="latin-1")
    headers = {"User-Agent": "runnable-pytorch", "Accept-Encoding": "identity"}
    if have and (tag or summed):
        headers["Range"] = f"bytes={have}-"
        if tag:  # "go on if it is still this version, else send all of it"
            headers["If-Range"] = tag
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and "Range" in headers:  # nothing stands behind what we have
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return True
            forget(part)
            return receive(url, part, summed, timeout, progress)
        raise DataError(
            f"{url}: the server answers {error.code} {error.reason}. Has the file moved?"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
        why = getattr(error, "reason", error)
        raise DataError(
            f"can't reach {host} ({getattr(why, 'strerror', '') or why}). Are you offline? "
            f"Call fetch again when you are not, or put the file there yourself: "
            f"{part.with_name(part.name.removesuffix('.part'))}"
        ) from error
    with answer:
        if answer.status == 206:
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                forget(part)
                return receive(url, part, summed, timeout, progress)
        else:  # all of it, from the start
            have = 0
            mark = answer.headers.get("ETag", "")
            if not mark or mark.startswith("W/"):  # a weak one doesn't promise equal bytes
                mark = answer.headers.get("Last-Modified", "")
            tag_of(part).write_text(mark, encoding="latin-1")
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        try:
            return save(answer, part, have, total, progress)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DataError(
                f"the disk of {part.parent} is full: {url} has "
                f"{'an unknown number of' if total is None else f'{total:,}'} bytes. "
                "Make room and call fetch again, or name another folder"
            ) from error
# --8<-- [end:receive]


# --8<-- [start:fetch]
def wrong_sums(path: Path, sums: "dict[str, str | None]") -> str:
    """What is wrong with the checksums of a file, or an empty string."""
    for name, wanted in sums.items():
        if wanted:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, name).hexdigest()
            if found != wanted.lower():
                return f"its {name} is {found} instead of {wanted.lower()}"
    return ""


def fetch(
    url: str,
    *,
    sha256: "str | None" = None,
    md5: "str | None" = None,
    folder: "str | Path | None" = None,
    timeout: float = 30.0,
    progress: bool = True,
) -> Path:
    """Download a file once. Later calls find it, and need no network.

    A download that was cut goes on where it stopped, if the server can do that. The
    file appears under its name only when it is whole and its checksum is right.

    Args:
        url: an http or https address.
        sha256: the file's checksum, where its publisher tells one. Without any, nothing
            can tell a changed file from the right one.
        md5: the same with MD5: good against accidents, not against attackers.
        folder: where to put the file (default: below ``cache_folder()``).
        timeout: seconds without an answer after which the server counts as gone.
        progress: show a progress bar.

    Returns:
        The path of the file.

    Raises:
        ValueError: url or a checksum is not one.
        DataError: no network, an HTTP error, a full disk, a download that stays cut, or
            a wrong checksum.

    Example:
        >>> fetch(CIFAR10, md5=CIFAR10_MD5).name  # doctest: +SKIP
        'cifar-10-python.tar.gz'
    """
    sums = {"sha256": sha256, "md5": md5}
    for name, length in (("sha256", 64), ("md5", 32)):
        if sums[name] and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", sums[name]):
            raise ValueError(f"{name} has {length} hexadecimal digits, got {sums[name]!r}")
    target = place(url, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with lock_of(target):  # of several processes one loads, the others find the file
        if not target.is_file() or wrong_sums(target, sums):
            load(quoted(url), target, sums, timeout, progress)
    return target


def load(
    url: str,
    target: Path,
    sums: "dict[str, str | None]",
    timeout: float,
    progress: bool,
) -> None:
    """Download what is missing in the half file, and give it its name if it is right."""
    part = target.with_name(target.name + ".part")
    whole = False
    while not whole:
        before = size_of(part)
        whole = receive(url, part, any(sums.values()), timeout, progress)
        if not whole and size_of(part) <= before:
            raise DataError(
                f"{url}: the connection ends too early, after {size_of(part):,} bytes. "
                f"They are kept in {part}: call fetch again to go on"
            )
    wrong = wrong_sums(part, sums)
    if wrong:
        forget(part)
        raise DataError(
            f"{url}: {wrong}. Nothing was kept. Either the file there has changed, or "
            "what came is not that file: look up its checksum where it is published"
        )
    os.replace(part, target)
    forget(part)
# --8<-- [end:fetch]


# --8<-- [start:unpack]
def inside(member: "tarfile.TarInfo", folder: str) -> "tarfile.TarInfo":
    """A filter for ``extractall``: a member that would leave the folder is an error."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"the archive's member {member.name!r} would leave the folder")
    try:
        return tarfile.data_filter(member, folder)  # links, devices, permissions
    except tarfile.FilterError as error:
        raise DataError(
            f"the archive's member {member.name!r} is refused: {error}"
        ) from error


def unpack(archive: "str | Path", folder: "str | Path | None" = None) -> Path:
    """Unpack a tar archive (.tar, .tar.gz, .tgz, .tar.bz2, .tar.xz), but only into folder.

    Args:
        archive: the file.
        folder: a folder to make (default: beside the archive, with its name). If it is
            there already, nothing is done: delete it to unpack again.

    Returns:
        The folder.

    Raises:
        DataError: the archive is damaged, a member would leave the folder, or the disk
            is full. Then there is no folder.
    """
    archive = Path(archive).expanduser()
    stem = re.sub(r"\.(tgz|tar(\.(gz|bz2|xz))?)$", "", archive.name)
    if folder is None and stem == archive.name:
        raise DataError(f"{archive} is no tar archive by its name: name a folder for it")
    target = archive.with_name(stem) if folder is None else Path(folder).expanduser()
    with lock_of(target):
        if not target.is_dir():
            extract(archive, target)
    return target


def extract(archive: Path, target: Path) -> None:
    """Unpack into a folder of another name, and give it its name if all went well."""
    if archive.is_file() and zipfile.is_zipfile(archive) and not tarfile.is_tarfile(archive):
        raise DataError(f"{archive} is a zip archive; unpack reads tar archives")
    half = target.with_name(target.name + ".unpacking")
    shutil.rmtree(half, ignore_errors=True)  # left over from a call that was stopped
    half.mkdir(parents=True)
    try:
        with tarfile.open(archive) as opened:
            opened.extractall(half, filter=inside)
            while opened.fileobj and opened.fileobj.read(1 << 20):
                pass  # up to the end, where the checksum of a .gz stands
        os.replace(half, target)
    except DataError:
        raise
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, FileNotFoundError) and not archive.exists():
            raise DataError(f"{archive} is not there") from error
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(f"the disk of {target.parent} is full") from error
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        raise DataError(
            f"{archive} is no whole tar archive ({why}): delete it and fetch it again"
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
# --8<-- [end:unpack]


# --8<-- [start:cifar2]
CIFAR10 = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
CIFAR10_MD5 = "c58f30108f718f92721af3b95e74349a"  # as its page tells


WRONG_KIND = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
ARRAYS = {  # all that a pickled array names
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "numpy._core.multiarray._reconstruct": np.empty(0).__reduce__()[0],
}


class ArraysOnly(pickle.Unpickler):
    """Reads numbers, text, lists, dicts and NumPy arrays. All else is an error.

    A pickle can name any function and have it called; this reader knows three names.
    """

    def find_class(self, module: str, name: str) -> object:
        """What a name in the file stands for.

        Raises:
            pickle.UnpicklingError: it is none of the names in ``ARRAYS``.
        """
        full = f"{module}.{name}".replace("numpy.core.", "numpy._core.")  # before NumPy 2
        if full not in ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {full}, which is no array")
        return ARRAYS[full]


def cifar2(folder: "str | Path", train: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Airplanes (0) and automobiles (1), from the Python batches of CIFAR-10.

    Args:
        folder: the unpacked archive: ``unpack(fetch(CIFAR10, md5=CIFAR10_MD5))``.
        train: the 10,000 training images, else the 2,000 test images.

    Shape:
        Images (N, 3, 32, 32), uint8, and labels (N,), int64.

    Raises:
        DataError: a batch is missing, or is not what CIFAR-10 has.

    Reference:
        Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    folder = Path(folder)
    if (folder / "cifar-10-batches-py").is_dir():
        folder = folder / "cifar-10-batches-py"
    names = [f"data_batch_{n}" for n in range(1, 6)] if train else ["test_batch"]
    images, labels = [], []
    for name in names:
        try:
            with (folder / name).open("rb") as file:
                batch = ArraysOnly(file, encoding="bytes").load()
            pixels = np.asarray(batch[b"data"]).reshape(-1, 3, 32, 32)  # (n, 3, 32, 32)
            classes = np.asarray(batch[b"labels"])  # (n,)
            kinds = pixels.dtype == np.uint8 and np.issubdtype(classes.dtype, np.integer)
            if not kinds or classes.shape != pixels.shape[:1]:
                raise ValueError(f"pixels {pixels.dtype}, {len(pixels)} and {classes.shape}")
        except FileNotFoundError as error:
            raise DataError(f"{folder} has no {name}: is it the unpacked archive?") from error
        except (pickle.UnpicklingError, EOFError, *WRONG_KIND) as error:
            raise DataError(f"{folder / name} is no batch of CIFAR-10: {error}") from error
        images.append(torch.from_numpy(pixels[classes < 2]))
        labels.append(torch.from_numpy(classes[classes < 2].astype(np.int64)))
    return torch.cat(images), torch.cat(labels)
# --8<-- [end:cifar2]


# --8<-- [start:covid]
COVID = (
    "https://raw.githubusercontent.com/CSSEGISandData/COVID-19/master/csse_covid_19_data/"
    "csse_covid_19_time_series/time_series_covid19_confirmed_global.csv"
)


def covid(path: "str | Path", country: str) -> pd.Series:
    """New cases a day in a country, from a time series of Johns Hopkins University.

    The file counts cases since the start; a correction can make a day negative. It has no
    published checksum: ``fetch(COVID)`` takes what is there.

    Args:
        path: the CSV file.
        country: as in its column Country/Region; provinces are added up.

    Returns:
        The cases (int64), by date.

    Raises:
        DataError: it is another file.
        ValueError: no such country.

    Reference:
        Dong, Du and Gardner, An interactive web-based dashboard to track COVID-19 in real
        time, 2020.
    """
    table = pd.read_csv(path)
    dates = [c for c in table.columns if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{2}", c)]
    if "Country/Region" not in table.columns or not dates:
        raise DataError(f"{path} is no time series of JHU: {list(table.columns)[:5]}")
    rows = table[table["Country/Region"] == country]
    if rows.empty:
        names = sorted(set(table["Country/Region"]))
        near = difflib.get_close_matches(country, names, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else f": there are {len(names)}"
        raise ValueError(f"country {country!r} is not in the file{hint}")
    total = rows[dates].fillna(0).sum().astype("int64")  # provinces -> country
    total.index = pd.to_datetime(dates, format="%m/%d/%y")
    return total.diff().fillna(total.iloc[0]).astype("int64").rename(country)
# --8<-- [end:covid]


# --8<-- [start:criteo]
INTEGERS = [f"I{n}" for n in range(1, 14)]
CATEGORIES = [f"C{n}" for n in range(1, 27)]


def criteo(path: "str | Path", rows: "int | None" = None) -> pd.DataFrame:
    """Ad impressions from a tab-separated file of Criteo, compressed or not.

    Args:
        path: the file, such as train.txt. A file without labels has 39 columns.
        rows: read this many only; the original has 45 million.

    Returns:
        label (int8), I1 to I13 (float64, whole numbers) and C1 to C26 (text). What is
        missing is NaN.

    Raises:
        DataError: it has other columns, or a column holds something else.

    Reference:
        Criteo, Display Advertising Challenge, Kaggle, 2014.
    """
    options = {"sep": "\t", "header": None, "keep_default_na": False, "na_values": [""]}
    names = ["label", *INTEGERS, *CATEGORIES]
    try:
        width = pd.read_csv(path, nrows=1, dtype=str, **options).shape[1]
        if width not in (40, 39):
            raise ValueError(f"{width} columns in its first line, not 40 (39 without labels)")
        names = names[40 - width :]
        kinds = {"label": "int8"} | dict.fromkeys(INTEGERS, "float64")
        kinds |= dict.fromkeys(CATEGORIES, "str")
        kinds = {name: kinds[name] for name in names}
        table = pd.read_csv(path, names=names, dtype=kinds, nrows=rows, **options)
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} is no file of Criteo: {error}") from error
    return table
# --8<-- [end:criteo]
