# --8<-- [start:rules]
"""A recommender as one loop: pool, recall, pre-rank, rank, rules, log."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd
import torch


class Rules(NamedTuple):
    """What is decided by people and not by a model; each can be switched off."""

    review: bool = True  # False: unfit articles are shown
    repeats: bool = False  # True: what a reader has seen is shown again
    demoted: float = 0.5  # factor on scores of articles that readers regret; 1: none
    diversity: float = 0.3  # weight of likeness to what stands above; 0: none
    reserved: int = 1  # places for the newest articles
    exploration: float = 0.02  # chance of a random article in a place


def best(scores: torch.Tensor, allowed: torch.Tensor, k: int) -> torch.Tensor:
    """A mask (U, I) of the k highest scores of each row among the allowed ones."""
    found = scores.masked_fill(~allowed, -torch.inf).topk(k, dim=1).indices
    return torch.zeros_like(allowed).scatter(1, found, True) & allowed
# --8<-- [end:rules]


# --8<-- [start:recommender]
class Recommender:
    """Makes a list for each of U readers out of I articles, day by day.

    Args:
        items: a row for each article: born, expires (days), fit (for the review).
        sources: ways of recall by name; scores (U, I).
        prerank: cheap scores (U, I).
        rank: function of (users, items), both (N,), to scores between 0 and 1, (N,).
        likeness: of two articles, -1 to 1, (I, I).
        regretted: articles to demote, (I,).
        seen: what each reader has been shown, (U, I); the lists are added to it.
        rules: what people decide (None: as ``Rules()``).
        sizes: how many each source, pre-rank and rank keep, and how many are shown.

    Raises:
        ValueError: sizes grow, or a chance is outside 0 and 1.

    Example:
        >>> days = {"born": [1, 1, 9], "expires": [9, 9, 20], "fit": [True, True, True]}
        >>> scores = torch.tensor([[0.2, 0.9, 0.4]])
        >>> nothing = torch.zeros(1, 3, dtype=torch.bool)
        >>> rank, rules = lambda user, item: scores[user, item], Rules(exploration=0)
        >>> one = Recommender(
        ...     pd.DataFrame(days), {"all": scores}, scores, rank, torch.eye(3),
        ...     nothing[0], nothing, rules, sizes=(3, 3, 3, 1),
        ... )
        >>> one.recommend(day=2, g=torch.Generator()).item.tolist()
        [1]
    """

    def __init__(
        self,
        items: pd.DataFrame,
        sources: "Mapping[str, torch.Tensor]",
        prerank: torch.Tensor,
        rank: "Callable[[torch.Tensor, torch.Tensor], torch.Tensor]",
        likeness: torch.Tensor,
        regretted: torch.Tensor,
        seen: torch.Tensor,
        rules: "Rules | None" = None,
        sizes: "tuple[int, int, int, int]" = (100, 80, 30, 10),
    ) -> None:
        rules = rules or Rules()
        if not 0 < sizes[3] <= sizes[2] <= sizes[1] <= sizes[0] * len(sources):
            raise ValueError(f"sizes must not grow from stage to stage, got {sizes}")
        for name in ("demoted", "diversity", "exploration"):
            if not 0 <= (value := getattr(rules, name)) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}")
        if not 0 <= rules.reserved <= sizes[3]:
            told = f"reserved must be between 0 and {sizes[3]}, got {rules.reserved}"
            raise ValueError(told)
        self.born, self.expires, self.fit = (
            torch.tensor(items[name].tolist()) for name in ("born", "expires", "fit")
        )
        self.sources, self.prerank, self.rank = sources, prerank, rank
        self.likeness, self.regretted, self.seen = likeness, regretted, seen.clone()
        self.rules, self.sizes = rules, sizes
        self.stages: dict[str, torch.Tensor] = {}  # what each stage left, (U, I)

    def recommend(self, day: int, g: torch.Generator) -> pd.DataFrame:
        """The lists of a day; propensity: how likely a list held this article."""
        rules, (each, pre, ranked, shown) = self.rules, self.sizes
        pool = (self.born <= day) & (day < self.expires)  # (I,)
        pool = pool & self.fit if rules.review else pool
        left = pool & (~self.seen | rules.repeats)  # (U, I)
        if left.sum(1).min() < 2 * shown:
            told = f"day {day}: a reader has less than {2 * shown} articles left"
            raise ValueError(told)
        masks = [best(scores, left, each) for scores in self.sources.values()]
        recalled = torch.stack(masks).any(0)
        preranked = best(self.prerank, recalled, pre)
        newest = left & (self.born > day - 3)
        user, item = (preranked | newest).nonzero(as_tuple=True)  # no others
        scores = torch.full_like(self.prerank, -torch.inf)
        scores[user, item] = self.rank(user, item).to(scores)
        scores = torch.where(self.regretted, scores * rules.demoted, scores)
        kept = best(scores, preranked, ranked)
        items = self.lists(scores, kept, newest)  # (U, shown)
        listed = torch.zeros_like(kept).scatter(1, items, True)
        everything = torch.ones_like(kept)
        self.stages = {"catalogue": everything, "pool": left, "recall": recalled}
        self.stages |= {"pre-rank": preranked, "rank": kept, "list": listed}

        others = left & ~listed  # what exploration chooses from
        draws = torch.randint(2**40, kept.shape, generator=g).masked_fill(~others, -1)
        drawn = draws.topk(shown, dim=1).indices  # distinct, all equally likely
        steps = round(rules.exploration * 1_000_000)
        explored = torch.randint(1_000_000, items.shape, generator=g) < steps
        chance = shown * rules.exploration / others.sum(1, keepdim=True).double()
        final = torch.where(explored, drawn, items)
        self.seen.scatter_(1, final, True)
        reserved = torch.arange(shown) >= shown - rules.reserved
        source = torch.where(reserved & newest.gather(1, items), 1, 0)
        rows = {"user": torch.arange(len(items))[:, None].expand_as(items)}
        rows |= {"place": torch.arange(1, shown + 1).expand_as(items), "item": final}
        rows |= {"source": torch.where(explored, 2, source)}
        rows |= {"propensity": torch.where(explored, chance, 1 - rules.exploration)}
        table = pd.DataFrame({name: x.flatten().numpy() for name, x in rows.items()})
        table["source"] = table.source.map({0: "ranked", 1: "new", 2: "random"})
        table.insert(0, "day", day)
        return table

    def lists(
        self, scores: torch.Tensor, kept: torch.Tensor, newest: torch.Tensor
    ) -> torch.Tensor:
        """Place after place what is good and unlike all above it; (U, shown)."""
        weight, shown = self.rules.diversity, self.sizes[3]
        closest, taken = torch.full_like(scores, -1), torch.zeros_like(kept)
        items: list[torch.Tensor] = []  # (U, 1) each
        for place in range(shown):
            allowed = kept & ~taken
            if place >= shown - self.rules.reserved:  # a new one, if there is one
                fresh = newest & ~taken
                allowed = torch.where(fresh.any(1, keepdim=True), fresh, allowed)
            value = (1 - weight) * scores - weight * closest
            item = value.masked_fill(~allowed, -torch.inf).argmax(1, keepdim=True)
            taken = taken.scatter(1, item, True)
            closest = torch.maximum(closest, self.likeness[item[:, 0]])
            items.append(item)
        return torch.cat(items, 1)
# --8<-- [end:recommender]
