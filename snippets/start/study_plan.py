# --8<-- [start:minutes_of_a_page]
import torch

counts = torch.tensor(  # words, formulas, lines of code
    [
        [3000, 30, 450],
        [1500, 0, 150],
        [4500, 60, 300],
    ]
)
seconds = torch.tensor([60 / 150, 20, 8])  # for a word, a formula, a line
minutes = counts.float() @ seconds / 60  # (3, 3) @ (3,) -> (3,)
by_hand = [(w * 60 / 150 + f * 20 + n * 8) / 60 for w, f, n in counts.tolist()]
torch.testing.assert_close(minutes, torch.tensor(by_hand))
minutes
# --8<-- [end:minutes_of_a_page]

# --8<-- [start:what_takes_longest]
parts = counts * seconds / 60  # (3, 3) * (3,): each column with its own rate
assert torch.allclose(parts.sum(dim=1), minutes)
assert parts.argmax(dim=1).tolist() == [2, 2, 2]
parts.round().int()
# --8<-- [end:what_takes_longest]

# --8<-- [start:weeks]
import pandas as pd

hours = torch.tensor([[6], [40], [90]])  # 3 days, 20 days, all of it: (3, 1)
a_week = torch.tensor([3, 5, 8, 14])  # (4,)
weeks = torch.ceil(hours / a_week).int()  # (3, 1) / (4,) -> (3, 4)
assert torch.equal(weeks, -(-hours // a_week))  # rounding up with whole numbers
pd.DataFrame(
    weeks.numpy(),
    index=["3 days", "20 days", "all sections and exercises"],
    columns=[f"{n} h a week" for n in a_week.tolist()],
)
# --8<-- [end:weeks]

# --8<-- [start:where_am_i]
day_ends = 120 * torch.arange(1, 21)  # (20,): the minutes after which each day is done
spent = torch.tensor([300, 0, 420, 240])  # minutes in four weeks
so_far = spent.cumsum(dim=0)
done = torch.searchsorted(day_ends, so_far, right=True)  # how many ends are behind
assert torch.equal(done, so_far // 120)  # all days are equally long here
print("minutes so far", so_far.tolist())
print("days done     ", done.tolist())
# --8<-- [end:where_am_i]
