# --8<-- [start:own_dataset]
import torch
from torch.utils.data import Dataset


class Squares(Dataset):
    """Sample i is the pair (i, i * i)."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return torch.tensor([float(index)]), index * index


dataset = Squares(10)
print(len(dataset), "samples")
dataset[3]
# --8<-- [end:own_dataset]

# --8<-- [start:four_steps]
from torch.utils.data import BatchSampler, RandomSampler, default_collate

sampler = RandomSampler(dataset, generator=torch.Generator().manual_seed(0))
indices = next(iter(BatchSampler(sampler, batch_size=4, drop_last=False)))
print("1 sampler: ", indices)
samples = [dataset[index] for index in indices]
print("2 dataset: ", samples[0], "and 3 more")
x, y = default_collate(samples)
print("3 collate: ", x.shape, y)
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
x, y = x.to(device), y.to(device)
print("4 transfer:", x.device.type)
# --8<-- [end:four_steps]

# --8<-- [start:data_loader]
from torch.utils.data import DataLoader

torch.manual_seed(0)  # a DataLoader draws a seed for its workers
sampler = RandomSampler(dataset, generator=torch.Generator().manual_seed(0))
loader = DataLoader(dataset, batch_size=4, sampler=sampler)
for x, y in loader:
    print(tuple(x.shape), y)
assert y.dtype == torch.int64 and len(loader) == 3
# --8<-- [end:data_loader]


# --8<-- [start:sampler_by_hand]
class Shuffle:
    """Each index once, in a new order at each pass."""

    def __init__(self, n, seed):
        self.n = n
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return self.n

    def __iter__(self):
        yield from torch.randperm(self.n, generator=self.generator).tolist()


order = Shuffle(10, seed=0)
epochs = [list(order) for _ in range(3)]
assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
theirs = RandomSampler(range(10), generator=torch.Generator().manual_seed(0))
assert epochs[0] == list(theirs)
print(*epochs, sep="\n")
# --8<-- [end:sampler_by_hand]


# --8<-- [start:loader_by_hand]
class Loader:
    """One pass over a dataset, in batches."""

    def __init__(
        self, dataset, batch_size, sampler,
        collate_fn=default_collate, drop_last=False,
    ):
        self.dataset, self.batch_size, self.sampler = dataset, batch_size, sampler
        self.collate_fn, self.drop_last = collate_fn, drop_last

    def __len__(self):
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self):
        indices = []
        for index in self.sampler:
            indices.append(index)
            if len(indices) == self.batch_size:
                yield self.collate_fn([self.dataset[i] for i in indices])
                indices = []
        if indices and not self.drop_last:
            yield self.collate_fn([self.dataset[i] for i in indices])


for x, y in Loader(dataset, 4, Shuffle(10, seed=0)):
    print(tuple(x.shape), y)
# --8<-- [end:loader_by_hand]


# --8<-- [start:same_order_as_pytorch]
def torch_sampler(n):
    return RandomSampler(range(n), generator=torch.Generator().manual_seed(5))


torch.manual_seed(0)
cases = 0
for n in (1, 7, 10, 64):
    for batch_size in (1, 3, 10):
        for drop_last in (False, True):
            for sampler in (lambda n: Shuffle(n, seed=5), torch_sampler):
                options = {"batch_size": batch_size, "drop_last": drop_last}
                ours = Loader(Squares(n), sampler=sampler(n), **options)
                theirs = DataLoader(Squares(n), sampler=sampler(n), **options)
                assert len(ours) == len(theirs)
                for _epoch in range(3):
                    for (x, y), (z, w) in zip(ours, theirs, strict=True):
                        assert torch.equal(x, z) and torch.equal(y, w)
                cases += 1
print(cases, "cases, 3 epochs each: the same batches in the same order")
# --8<-- [end:same_order_as_pytorch]

# --8<-- [start:batch_size_and_drop_last]
torch.manual_seed(0)
for batch_size, drop_last in ((4, False), (4, True), (16, False), (16, True)):
    loader = DataLoader(dataset, batch_size=batch_size, drop_last=drop_last)
    sizes = [len(y) for _, y in loader]
    options = f"batch_size {batch_size:2}  drop_last {drop_last!s:5}"
    print(f"{options}  {len(loader)} batches: {sizes}")
    assert len(sizes) == len(loader)
# --8<-- [end:batch_size_and_drop_last]


# --8<-- [start:seeded_loader]
def first_epochs(seed):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(range(8), batch_size=8, shuffle=True, generator=generator)
    return [next(iter(loader)).tolist() for _ in range(2)]


print(*first_epochs(0), sep="\n")
assert first_epochs(0) == first_epochs(0) != first_epochs(1)

torch.manual_seed(0)
untouched = torch.rand(())
torch.manual_seed(0)
list(DataLoader(range(8)))  # draws a number, though it doesn't shuffle
print("the next random number is the same:", bool(torch.rand(()) == untouched))
# --8<-- [end:seeded_loader]

# --8<-- [start:tensor_dataset]
from torch.utils.data import TensorDataset

x = torch.arange(6.0).reshape(3, 2)
y = torch.tensor([0, 1, 1])
pairs = TensorDataset(x, y)
print(len(pairs), "samples; the last one:", pairs[2])
print("several at once:", pairs[torch.tensor([0, 2])][1])
assert pairs.tensors[0] is x  # nothing is copied
# --8<-- [end:tensor_dataset]

# --8<-- [start:stack_dataset]
from torch.utils.data import StackDataset

images, words = TensorDataset(torch.zeros(3, 2)), ["red", "green", "blue"]
both = StackDataset(images=images, word=words)
print(both[1])
torch.manual_seed(0)
batch = next(iter(DataLoader(both, batch_size=2)))
print(batch["word"], batch["images"][0].shape)
# --8<-- [end:stack_dataset]

# --8<-- [start:subset]
from torch.utils.data import Subset

even = Subset(dataset, range(0, 10, 2))
print([y for _, y in even], even.indices)
assert even.dataset is dataset  # a view: nothing is copied
# --8<-- [end:subset]

# --8<-- [start:concat_dataset]
from torch.utils.data import ConcatDataset

long = ConcatDataset([range(3), range(100, 102)])
print(list(long), "cumulative:", long.cumulative_sizes)
also = Squares(3) + Squares(2)
assert isinstance(also, ConcatDataset) and len(also) == 5
long[-1]
# --8<-- [end:concat_dataset]

# --8<-- [start:random_split]
from torch.utils.data import random_split

generator = torch.Generator().manual_seed(0)
train, valid, test = random_split(range(10), [0.7, 0.2, 0.1], generator=generator)
for name, part in (("train", train), ("valid", valid), ("test", test)):
    print(f"{name}: {list(part)}")
assert sorted([*train, *valid, *test]) == list(range(10))
generator = torch.Generator().manual_seed(0)
again = random_split(range(10), [7, 2, 1], generator=generator)
assert [list(part) for part in again] == [list(train), list(valid), list(test)]
# --8<-- [end:random_split]

# --8<-- [start:lengths_that_do_not_add_up]
random_split(range(10), [8, 1])
# --8<-- [end:lengths_that_do_not_add_up]


# --8<-- [start:getitems]
class Table(Dataset):
    """Fetches the whole batch with one call."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, indices):
        print("one call for", indices)
        return self.rows[indices]  # (B, features)


torch.manual_seed(0)
table = Table(torch.arange(10.0).reshape(5, 2))
loader = DataLoader(table, batch_size=3, collate_fn=lambda batch: batch)
for batch in loader:
    print(batch)
# --8<-- [end:getitems]

# --8<-- [start:sequential_and_random_sampler]
from torch.utils.data import SequentialSampler

items = range(6)
g = torch.Generator().manual_seed(0)
print("sequential:      ", list(SequentialSampler(items)))
print("random:          ", list(RandomSampler(items, generator=g)))
again = RandomSampler(items, replacement=True, generator=g)
print("with replacement:", list(again))
print("only 3:          ", list(RandomSampler(items, num_samples=3, generator=g)))
print("14 of 6:         ", list(RandomSampler(items, num_samples=14, generator=g)))
# --8<-- [end:sequential_and_random_sampler]

# --8<-- [start:subset_random_sampler]
from torch.utils.data import SubsetRandomSampler

g = torch.Generator().manual_seed(0)
fold = SubsetRandomSampler([2, 3, 5, 7], generator=g)
print(list(fold), list(fold))
assert sorted(fold) == [2, 3, 5, 7]
# --8<-- [end:subset_random_sampler]

# --8<-- [start:weighted_random_sampler]
from torch.utils.data import WeightedRandomSampler

labels = torch.tensor([0] * 90 + [1] * 10)
weights = 1 / torch.bincount(labels)[labels]  # one per sample: 1/90 or 1/10
g = torch.Generator().manual_seed(0)
sampler = WeightedRandomSampler(weights, num_samples=1000, generator=g)
drawn = torch.tensor(list(sampler))
share = (labels[drawn] == 1).float().mean()
print(f"share of class 1: {share:.2f}, in the data {labels.float().mean():.2f}")
print("different samples of class 1:", drawn[labels[drawn] == 1].unique().numel())
assert abs(share - 0.5) < 0.05
# --8<-- [end:weighted_random_sampler]

# --8<-- [start:batch_sampler]
torch.manual_seed(0)
batches = BatchSampler(SequentialSampler(range(7)), batch_size=3, drop_last=False)
print(list(batches), len(batches))
one = list(DataLoader(range(7), batch_sampler=batches))
other = list(DataLoader(range(7), batch_size=3))
assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
# --8<-- [end:batch_sampler]


# --8<-- [start:own_batch_sampler]
from torch.utils.data import Sampler


class ByLength(Sampler):
    """Batches of samples of similar length, the batches in random order."""

    def __init__(self, lengths, batch_size, generator=None):
        self.lengths = torch.as_tensor(lengths)
        self.batch_size, self.generator = batch_size, generator

    def __len__(self):
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self):
        chunks = self.lengths.argsort(stable=True).split(self.batch_size)
        for i in torch.randperm(len(chunks), generator=self.generator).tolist():
            yield chunks[i].tolist()


lengths = torch.randint(1, 100, (1000,), generator=torch.Generator().manual_seed(0))
by_length = ByLength(lengths, 20, torch.Generator().manual_seed(0))
padded = sum(lengths[batch].max() * len(batch) for batch in by_length)
mixed = sum(chunk.max() * len(chunk) for chunk in lengths.split(20))
for name, total in {"mixed": mixed, "by length": padded}.items():
    print(f"{name}: {1 - lengths.sum() / total:.0%} of all numbers are padding")
assert sorted(i for batch in by_length for i in batch) == list(range(1000))
# --8<-- [end:own_batch_sampler]

# --8<-- [start:distributed_sampler]
from torch.utils.data import DistributedSampler

samplers = [
    DistributedSampler(range(7), num_replicas=2, rank=r, seed=0) for r in (0, 1)
]
for epoch in range(2):
    for rank, sampler in enumerate(samplers):
        sampler.set_epoch(epoch)
        print(f"epoch {epoch}, rank {rank}:", list(sampler))
everything = [index for sampler in samplers for index in sampler]
assert set(everything) == set(range(7)) and len(everything) == 8  # one comes twice
exact = [DistributedSampler(range(7), 2, rank, drop_last=True) for rank in (0, 1)]
assert sum(len(sampler) for sampler in exact) == 6
# --8<-- [end:distributed_sampler]

# --8<-- [start:sampler_and_shuffle]
DataLoader(dataset, shuffle=True, sampler=SequentialSampler(dataset))
# --8<-- [end:sampler_and_shuffle]

# --8<-- [start:default_collate]
import numpy as np

black, white = torch.zeros(2, 2), torch.ones(2, 2)
samples = [
    {"image": black, "label": 1, "weight": 0.5, "name": "a", "box": (1, 2)},
    {"image": white, "label": 0, "weight": 1.5, "name": "b", "box": (3, 4)},
]
for key, value in default_collate(samples).items():
    print(f"{key:7}", tuple(value.shape) if key == "image" else value)
from_numpy = default_collate([np.zeros(3), np.ones(3)])
print("numpy  ", from_numpy.dtype, tuple(from_numpy.shape))
# --8<-- [end:default_collate]

# --8<-- [start:default_convert]
from torch.utils.data import default_convert

sample = {"x": np.array([1.0, 2.0]), "n": 3, "name": "a"}
print(default_convert(sample))
torch.manual_seed(0)
whole = DataLoader([sample], batch_size=None)  # no batches: samples as they are
print(next(iter(whole)))
batches = torch.arange(6).split(4)  # a dataset that holds batches
ready = DataLoader(batches, batch_size=None)
print(list(ready))
# --8<-- [end:default_convert]

# --8<-- [start:unequal_lengths]
sentences = [torch.tensor([5, 2, 9]), torch.tensor([7])]
default_collate(sentences)
# --8<-- [end:unequal_lengths]

# --8<-- [start:collate_fn]
from torch.nn.utils.rnn import pad_sequence


def pad(samples):
    """(tokens, label) pairs -> tokens (B, T), mask (B, T), labels (B,)."""
    tokens, labels = zip(*samples, strict=True)
    lengths = torch.tensor([len(t) for t in tokens])
    padded = pad_sequence(tokens, batch_first=True, padding_value=0)
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    return padded, mask, torch.tensor(labels)


torch.manual_seed(0)
data = [
    (torch.tensor([5, 2, 9]), 1),
    (torch.tensor([7]), 0),
    (torch.tensor([4, 4]), 1),
]
for tokens, mask, labels in DataLoader(data, batch_size=2, collate_fn=pad):
    print(tokens.tolist(), mask.sum(dim=1).tolist(), labels.tolist())
    assert torch.equal(tokens > 0, mask)
# --8<-- [end:collate_fn]


# --8<-- [start:workers]
from torch.utils.data import get_worker_info


class WhoAmI(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        info = get_worker_info()  # None in the main process
        return index, -1 if info is None else info.id


torch.manual_seed(0)
for workers in (0, 2):
    loader = DataLoader(WhoAmI(), batch_size=2, num_workers=workers)
    for index, worker in loader:
        print(f"{workers} workers: samples {index.tolist()} by {worker.tolist()}")
# --8<-- [end:workers]


# --8<-- [start:order_with_workers]
def epoch_order(workers):
    g = torch.Generator().manual_seed(0)
    loader = DataLoader(
        range(20), batch_size=3, shuffle=True, generator=g, num_workers=workers
    )
    return [batch.tolist() for batch in loader]


assert epoch_order(0) == epoch_order(1) == epoch_order(2)
epoch_order(2)[:2]
# --8<-- [end:order_with_workers]


# --8<-- [start:worker_copies]
class Counting(Dataset):
    def __init__(self):
        self.calls = 0

    def __len__(self):
        return 6

    def __getitem__(self, index):
        self.calls += 1
        return self.calls


torch.manual_seed(0)
for workers in (0, 2):
    counting = Counting()
    counts = [batch.item() for batch in DataLoader(counting, num_workers=workers)]
    print(f"{workers} workers: samples {counts}, counted outside: {counting.calls}")
# --8<-- [end:worker_copies]

# --8<-- [start:prefetch_factor]
asked = []


class Spy(SequentialSampler):
    def __iter__(self):
        for index in super().__iter__():
            asked.append(index)
            yield index


torch.manual_seed(0)
for workers, factor in ((0, None), (1, 2), (2, 2), (2, 4)):
    asked.clear()
    options = {"num_workers": workers, "prefetch_factor": factor}
    loader = DataLoader(range(50), sampler=Spy(range(50)), **options)
    batches = iter(loader)
    at_start = len(asked)
    next(batches)
    print(f"{workers} workers, factor {factor}:", end=" ")
    print(f"{at_start} batches ordered at once, {len(asked)} after the first")
    assert at_start == workers * (factor or 0)
    del batches  # stops the workers
# --8<-- [end:prefetch_factor]

# --8<-- [start:persistent_workers]
import os


class ProcessIds(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return os.getpid()


torch.manual_seed(0)
for persistent in (False, True):
    loader = DataLoader(ProcessIds(), num_workers=2, persistent_workers=persistent)
    first, second = ({batch.item() for batch in loader} for _ in range(2))
    assert len(first) == 2 and os.getpid() not in first
    print(f"persistent_workers={persistent}: same processes: {first == second}")
# --8<-- [end:persistent_workers]

# --8<-- [start:pin_memory]
pin = torch.accelerator.is_available()
torch.manual_seed(0)
loader = DataLoader(Squares(8), batch_size=4, pin_memory=pin)
for x, y in loader:
    x = x.to(device, non_blocking=pin)  # copied while the CPU goes on
    print(tuple(x.shape), y.tolist())
    assert pin or not y.is_pinned()
# --8<-- [end:pin_memory]


# --8<-- [start:worker_error]
class Broken(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 2:
            raise ValueError(f"sample {index} can't be read")
        return index


torch.manual_seed(0)
try:
    list(DataLoader(Broken(), num_workers=1))
except ValueError as error:
    lines = str(error).splitlines()
    error.__traceback__ = None  # it holds the loader, and so the worker
    print(lines[0], lines[-1], sep="\n")
# --8<-- [end:worker_error]


# --8<-- [start:worker_seeds]
import random

import pandas as pd


class Draws(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = get_worker_info()
        drawn = torch.rand(()).item(), random.random(), np.random.rand()
        return info.id, info.seed % 1000, *drawn


def draw(seed):
    g = torch.Generator().manual_seed(seed)
    loader = DataLoader(Draws(), batch_size=None, num_workers=2, generator=g)
    columns = ["worker", "seed % 1000", "torch", "random", "numpy"]
    return pd.DataFrame(list(loader), columns=columns)


table = draw(0)
assert table.equals(draw(0))
assert all(table[name].nunique() == 4 for name in ("torch", "random", "numpy"))
table.round(3)
# --8<-- [end:worker_seeds]


# --8<-- [start:copied_generator]
class Noisy(Dataset):
    """Adds noise from a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return int(self.rng.integers(100))


torch.manual_seed(0)
loader = DataLoader(Noisy(), num_workers=2)
noise = [[batch.item() for batch in loader] for _ in range(2)]
print(*noise, sep="\n")
assert noise[0][0::2] == noise[0][1::2] and noise[0] == noise[1]
# --8<-- [end:copied_generator]


# --8<-- [start:worker_init_fn]
def own_generator(worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


generator = torch.Generator().manual_seed(0)
loader = DataLoader(
    Noisy(), num_workers=2, worker_init_fn=own_generator, generator=generator
)
noise = [[batch.item() for batch in loader] for _ in range(2)]
print(*noise, sep="\n")
assert noise[0][0::2] != noise[0][1::2] and noise[0] != noise[1]
# --8<-- [end:worker_init_fn]


# --8<-- [start:iterable_dataset]
from torch.utils.data import IterableDataset


class Stream(IterableDataset):
    """The numbers below n, one after the other."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        yield from range(self.n)


torch.manual_seed(0)
for batch in DataLoader(Stream(7), batch_size=3):
    print(batch)
# --8<-- [end:iterable_dataset]

# --8<-- [start:stream_has_no_shuffle]
DataLoader(Stream(7), shuffle=True)
# --8<-- [end:stream_has_no_shuffle]

# --8<-- [start:iterable_duplicates]
from collections import Counter

torch.manual_seed(0)
loader = DataLoader(Stream(5), batch_size=2, num_workers=2)
got = [number for batch in loader for number in batch.tolist()]
print(got)
assert Counter(got) == dict.fromkeys(range(5), 2)
# --8<-- [end:iterable_duplicates]


# --8<-- [start:worker_sharding]
class Sharded(IterableDataset):
    """Each worker yields every num_workers-th number."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(start, self.n, step)


torch.manual_seed(0)
for workers in (0, 1, 2):
    loader = DataLoader(Sharded(10), batch_size=3, num_workers=workers)
    batches = [batch.tolist() for batch in loader]
    print(f"{workers} workers: {batches}")
    assert sorted(n for batch in batches for n in batch) == list(range(10))
# --8<-- [end:worker_sharding]

# --8<-- [start:files_by_worker]
from pathlib import Path

for part in range(3):
    lines = [f"{part}.{line}" for line in range(part + 2)]
    Path(f"part-{part}.txt").write_text("\n".join(lines) + "\n")


class Lines(IterableDataset):
    """The lines of several files; each worker reads files of its own."""

    def __init__(self, files):
        self.files = sorted(files)

    def __iter__(self):
        info = get_worker_info()
        mine = self.files
        if info is not None:
            mine = mine[info.id :: info.num_workers]
        for file in mine:
            with open(file) as lines:
                yield from (line.rstrip("\n") for line in lines)


torch.manual_seed(0)
loader = DataLoader(Lines(Path().glob("part-*.txt")), num_workers=2)
read = [line for batch in loader for line in batch]
print(read)
assert len(read) == len(set(read)) == 2 + 3 + 4
# --8<-- [end:files_by_worker]


# --8<-- [start:shuffle_buffer]
class Shuffled(IterableDataset):
    """A random one of the next ``size`` samples, again and again."""

    def __init__(self, source, size, seed):
        self.source, self.size = source, size
        self.random = random.Random(seed)

    def __iter__(self):
        buffer = []
        for sample in self.source:
            buffer.append(sample)
            if len(buffer) == self.size:
                yield buffer.pop(self.random.randrange(self.size))
        self.random.shuffle(buffer)
        yield from buffer


for size in (1, 4, 20):
    order = list(Shuffled(Stream(20), size, seed=0))
    print(f"buffer of {size:2}:", *order)
    assert sorted(order) == list(range(20))
# --8<-- [end:shuffle_buffer]

# --8<-- [start:chain_dataset]
from torch.utils.data import ChainDataset

chain = ChainDataset([Stream(3), Stream(2)])
print(list(chain))
assert isinstance(Stream(3) + Stream(2), ChainDataset)
# --8<-- [end:chain_dataset]

# --8<-- [start:data_pipes]
from torch.utils.data import IterDataPipe, MapDataPipe


class Numbers(IterDataPipe):
    def __iter__(self):
        yield from range(3)


class Letters(MapDataPipe):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return "abc"[index]


assert isinstance(Numbers(), IterableDataset) and isinstance(Letters(), Dataset)
torch.manual_seed(0)
for pipe in (Numbers(), Letters()):
    print(next(iter(DataLoader(pipe, batch_size=3))))
# --8<-- [end:data_pipes]

# --8<-- [start:timeline]
import matplotlib.pyplot as plt


def timeline(workers, batches=8, load=2, train=1, factor=2):
    """(who, start, length, batch) of each piece of work, and the end of all."""
    free = [0] * max(workers, 1)
    main, pieces, taken = 0, [], []
    for i in range(batches):
        if workers == 0:
            pieces.append(("main", main, load, i))
            main += load
        else:
            ordered = 0 if i < workers * factor else taken[i - workers * factor]
            start = max(free[i % workers], ordered)
            free[i % workers] = start + load
            pieces.append((f"worker {i % workers}", start, load, i))
            main = max(main, start + load)
        taken.append(main)
        pieces.append(("main", main, train, i))
        main += train
    return pieces, main


fig, axes = plt.subplots(
    3, 1, figsize=(7, 4), sharex=True, layout="constrained", height_ratios=[1, 2, 3]
)
for workers, ax in enumerate(axes):
    pieces, end = timeline(workers)
    rows = ["main", *(f"worker {k}" for k in range(workers))]
    for n, (who, start, length, _batch) in enumerate(pieces):
        color = "#e4572e" if n % 2 else "#2f6fdb"  # loading and training alternate
        ax.barh(rows.index(who), length - 0.12, left=start, color=color, height=0.7)
    ax.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
    ax.set(title=f"{workers} worker{'s' * (workers != 1)}: {end} units")
axes[0].bar(0, 0, color="#2f6fdb", label="load a batch")
axes[0].bar(0, 0, color="#e4572e", label="train on it")
axes[-1].set(xlabel="time, in training steps")
fig.legend(loc="outside upper center", ncols=2, frameon=False)
print("units with 0 to 3 workers:", [timeline(workers)[1] for workers in range(4)])
plt.show()
# --8<-- [end:timeline]

# --8<-- [start:throughput_by_workers]
import time


class Slow(Dataset):
    """Each sample takes 3 ms to arrive, as if from a network."""

    def __len__(self):
        return 48

    def __getitem__(self, index):
        time.sleep(0.003)
        return torch.zeros(8)


def samples_per_second(loader):
    """The best of three epochs. One more before them starts the workers."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        samples = sum(len(batch) for batch in loader)
        times.append(time.perf_counter() - start)
    return samples / min(times[1:])


torch.manual_seed(0)
alone = samples_per_second(DataLoader(Slow(), batch_size=8))
two = samples_per_second(
    DataLoader(Slow(), batch_size=8, num_workers=2, persistent_workers=True)
)
assert alone < 1 / 0.003  # nobody is faster than the wait
print("two workers are faster than none:", two > 1.2 * alone)
# --8<-- [end:throughput_by_workers]

# --8<-- [start:throughput_by_batch_size]
rows = torch.zeros(2048, 8)


def rate(batch_size, workers=0):
    loader = DataLoader(
        rows, batch_size, num_workers=workers, persistent_workers=workers > 0
    )
    return samples_per_second(loader)


torch.manual_seed(0)
single, small, large = rate(1), rate(8), rate(256)
print("batches of 256 are faster than single samples:", large > 2 * single)
print("two workers slow down what is in memory:", rate(8, workers=2) < small)
# --8<-- [end:throughput_by_batch_size]

# --8<-- [start:throughput_drawn]
waiting = {0: 310, 1: 280, 2: 610, 3: 900, 6: 1600}  # workers: samples per second
batch_sizes = [1, 4, 16, 64, 256, 1024]
in_memory = {
    "no worker": [31_000, 140_000, 750_000, 1_100_000, 1_300_000, 1_400_000],
    "2 workers": [1_500, 4_400, 28_000, 110_000, 350_000, 900_000],
}
fig, axes = plt.subplots(1, 2, figsize=(7.0, 3.0), layout="constrained")
one = 1 / 0.003  # samples per second, one wait of 3 ms after the other
grey = {"color": "#7a8599"}
axes[0].plot([0, 1], [one, one], "--", **grey, label="one wait after the other")
axes[0].plot([1, 6], [one, 6 * one], ":", **grey, label="all workers wait at once")
axes[0].plot(waiting.keys(), waiting.values(), "o", c="#2f6fdb", label="measured")
axes[0].set(title="3 ms of waiting a sample", xlabel="workers", ylim=(0, 2200))
axes[0].set_ylabel("samples per second")
axes[0].legend(frameon=False, loc="upper left", fontsize=9)
colors = ["#e4572e", "#2a9d8f"]
for (name, rates), color in zip(in_memory.items(), colors, strict=True):
    axes[1].loglog(batch_sizes, rates, "o-", color=color, label=name)
axes[1].set(title="samples in memory", xlabel="batch size", ylim=(1e3, 1e7))
axes[1].legend(frameon=False, loc="lower right", fontsize=9)
rates = in_memory["no worker"]
print(f"6 workers instead of 1: {waiting[6] / waiting[1]:.1f} times", end=", ")
print(f"batches of 1024 instead of 1: {rates[-1] / rates[0]:.0f} times")
plt.show()
# --8<-- [end:throughput_drawn]


# --8<-- [start:script_parts]
class Cubes(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return index**3


def main():
    loader = DataLoader(
        Cubes(6), batch_size=2, num_workers=2, multiprocessing_context="spawn"
    )
    for batch in loader:
        print(batch.tolist())


torch.manual_seed(0)
print([batch.tolist() for batch in DataLoader(Cubes(6), batch_size=2)])
# --8<-- [end:script_parts]

# --8<-- [start:whole_script]
import inspect

imports = "import torch\nfrom torch.utils.data import DataLoader, Dataset"
parts = [inspect.getsource(part).rstrip() for part in (Cubes, main)]
guard = 'if __name__ == "__main__":\n    torch.manual_seed(0)\n    main()'
script = "\n\n\n".join([imports, *parts, guard]) + "\n"
file = Path("load_cubes.py")
file.write_text(script)
print(script)
# --8<-- [end:whole_script]

# --8<-- [start:spawn]
import subprocess
import sys

done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
assert done.returncode == 0, done.stderr
print(done.stdout)
# --8<-- [end:spawn]

# --8<-- [start:what_spawn_must_pickle]
import pickle

candidates = {
    "a class of a file": Cubes(6),
    "a lambda": lambda batch: batch,
    "a running generator": (i for i in range(3)),
}
for name, candidate in candidates.items():
    try:
        pickle.dumps(candidate)
        print(f"{name}: can be sent")
    except Exception as error:
        print(f"{name}: {type(error).__name__}")
# --8<-- [end:what_spawn_must_pickle]


# --8<-- [start:solution_ranks_and_workers]
def share(items, rank, ranks, worker, workers):
    return items[rank * workers + worker :: ranks * workers]


items = list(range(23))
parts = [
    share(items, rank, 3, worker, 2) for rank in range(3) for worker in range(2)
]
assert sorted(item for part in parts for item in part) == items
parts
# --8<-- [end:solution_ranks_and_workers]


# --8<-- [start:solution_stratified_split]
def stratified_split(labels, share, generator):
    """Indices of two parts, each with the same shares of the classes."""
    first, second = [], []
    for label in labels.unique():
        places = (labels == label).nonzero().flatten()
        places = places[torch.randperm(len(places), generator=generator)]
        cut = round(share * len(places))
        first += places[:cut].tolist()
        second += places[cut:].tolist()
    return first, second


labels = torch.tensor([0] * 90 + [1] * 10)
train, valid = stratified_split(labels, 0.8, torch.Generator().manual_seed(0))
assert sorted(train + valid) == list(range(100))
for part in (train, valid):
    print(torch.bincount(labels[part]).tolist())
# --8<-- [end:solution_stratified_split]


# --8<-- [start:solution_transform_one_part]
class Mapped(Dataset):
    """A dataset whose samples go through a function."""

    def __init__(self, dataset, function):
        self.dataset, self.function = dataset, function

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.function(self.dataset[index])


g = torch.Generator().manual_seed(0)
train, valid = random_split(range(6), [4, 2], generator=g)
augmented = Mapped(train, lambda sample: sample + 100)
assert all(sample >= 100 for sample in augmented)
assert all(sample < 100 for sample in valid)
print(list(augmented), list(valid))
# --8<-- [end:solution_transform_one_part]


# --8<-- [start:solution_resume]
class Resumable(Sampler):
    """A shuffled order that can go on in the middle of an epoch."""

    def __init__(self, n, seed):
        self.n, self.seed, self.epoch, self.done = n, seed, 0, 0

    def __len__(self):
        return self.n

    def __iter__(self):
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(self.n, generator=generator).tolist()
        while self.done < self.n:
            self.done += 1
            yield order[self.done - 1]
        self.epoch, self.done = self.epoch + 1, 0


full = Resumable(6, seed=0)
wanted = list(full) + list(full)
stopped = Resumable(6, seed=0)
pass_ = iter(stopped)
seen = [next(pass_) for _ in range(4)]
state = {"epoch": stopped.epoch, "done": stopped.done}  # goes into the checkpoint
fresh = Resumable(6, seed=0)
fresh.epoch, fresh.done = state["epoch"], state["done"]
assert seen + list(fresh) + list(fresh) == wanted
print(state, wanted)
# --8<-- [end:solution_resume]

# --8<-- [start:solution_endless]
from itertools import cycle, islice


def endless(loader):
    while True:
        yield from loader


torch.manual_seed(0)
loader = DataLoader(range(4), batch_size=4, shuffle=True)
cached = [batch.tolist() for batch in islice(cycle(loader), 4)]
fresh = [batch.tolist() for batch in islice(endless(loader), 4)]
assert all(batch == cached[0] for batch in cached)
assert any(batch != fresh[0] for batch in fresh)
fresh
# --8<-- [end:solution_endless]

# --8<-- [start:solution_bootstrap]
n = 10_000
g = torch.Generator().manual_seed(0)
drawn = torch.tensor(list(RandomSampler(range(n), replacement=True, generator=g)))
share = drawn.unique().numel() / n
assert abs(share - (1 - torch.tensor(-1.0).exp())) < 0.01
round(share, 2)
# --8<-- [end:solution_bootstrap]
