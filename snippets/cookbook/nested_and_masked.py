# --8<-- [start:nest_sequences]
import torch

sentences = [torch.tensor([4, 8, 1]), torch.tensor([7]), torch.tensor([2, 9])]
batch = torch.nested.nested_tensor(sentences, layout=torch.jagged)
print("nested:", batch.is_nested, " layout:", batch.layout)
print("values: ", batch.values())
print("offsets:", batch.offsets(), " lengths:", batch.offsets().diff())
assert torch.equal(batch.values(), torch.cat(sentences))
for part, sentence in zip(batch.unbind(), sentences, strict=True):
    assert torch.equal(part, sentence)
# --8<-- [end:nest_sequences]

# --8<-- [start:from_lengths]
import logging

flat = torch.tensor([1.0, 2.0, 3.0, 10.0, 20.0, 5.0])
lengths = torch.tensor([3, 0, 2, 1])
offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
logger = logging.getLogger("torch.fx._symbolic_trace")
logger.setLevel(logging.ERROR)
ragged = torch.nested.nested_tensor_from_jagged(flat, offsets)
logger.setLevel(logging.NOTSET)
print([part.tolist() for part in ragged.unbind()])
print("sums:", ragged.sum(dim=1))
expected = [part.sum() for part in torch.split(flat, lengths.tolist())]
assert torch.equal(ragged.sum(dim=1), torch.stack(expected))
# --8<-- [end:from_lengths]

# --8<-- [start:pad]
padded = torch.nested.to_padded_tensor(batch, 0)
print(padded)
wider = batch.to_padded_tensor(-1, output_size=(3, 5))
print(wider)
from_rnn = torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True)
assert torch.equal(padded, from_rnn)
assert torch.equal(wider[:, :3] == -1, padded == 0) and (wider[:, 3:] == -1).all()
# --8<-- [end:pad]

# --8<-- [start:unpad_by_lengths]
table = torch.tensor([[5.0, 6.0, 0.0], [7.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
valid = torch.tensor([2, 1, 3])
view = torch.nested.narrow(table, 1, 0, valid, layout=torch.jagged)
table[0, 0] = 50
print([part.tolist() for part in view.unbind()])
packed = torch.nested.as_nested_tensor(list(view.unbind()), layout=torch.jagged)
print(packed.values(), packed.mean(dim=1))
by_hand = [row[:n].mean() for row, n in zip(table, valid.tolist(), strict=True)]
torch.testing.assert_close(packed.mean(dim=1), torch.stack(by_hand))
# --8<-- [end:unpad_by_lengths]

# --8<-- [start:unpad_by_mask]
tokens = torch.tensor([[3, 9, 4, 0], [5, 0, 0, 0], [9, 9, 6, 2]])
wanted = (tokens != 0) & (tokens != 9)
kept = torch.nested.masked_select(tokens, wanted)
print([part.tolist() for part in kept.unbind()])
print("flat:", torch.masked_select(tokens, wanted))
assert torch.equal(kept.values(), tokens[wanted])
assert torch.equal(kept.offsets().diff(), wanted.sum(dim=1))
# --8<-- [end:unpad_by_mask]

# --8<-- [start:count_padding]
g = torch.Generator().manual_seed(0)
sizes = torch.randint(1, 200, (64,), generator=g).square() // 100 + 1
many = [torch.zeros(n, 8) for n in sizes.tolist()]
nested = torch.nested.nested_tensor(many, layout=torch.jagged)
stored = nested.values().numel()
filled = nested.to_padded_tensor(0.0).numel()
print(f"longest {sizes.max()}, mean {sizes.double().mean():.1f}")
print(f"share of padding in the padded batch: {1 - stored / filled:.2f}")
assert stored == 8 * sizes.sum() and filled == 8 * 64 * sizes.max()
# --8<-- [end:count_padding]

# --8<-- [start:from_jagged_to_mask]
spans = batch.offsets().diff()
present = torch.arange(int(spans.max())) < spans[:, None]
square = batch.to_padded_tensor(0)
total = torch.masked.sum(square, dim=1, mask=present)
print(present.int(), total)
assert torch.equal(total, batch.sum(dim=1))
again = torch.nested.masked_select(square, present)
assert torch.equal(again.values(), batch.values())
# --8<-- [end:from_jagged_to_mask]

# --8<-- [start:statistics]
waits = [torch.tensor([2.0, 4.0, 9.0]), torch.tensor([7.0]), torch.tensor([1.0, 2.0])]
waits_nested = torch.nested.nested_tensor(waits, layout=torch.jagged)
mean, longest = waits_nested.mean(dim=1), waits_nested.amax(dim=1)
print("mean", mean, " longest", longest, " at", waits_nested.argmax(dim=1))
for k, part in enumerate(waits):
    assert torch.isclose(mean[k], part.mean()) and longest[k] == part.max()
    assert waits_nested.argmax(dim=1)[k] == part.argmax()
# --8<-- [end:statistics]

# --8<-- [start:centre_each]
centred = waits_nested - waits_nested.mean(dim=1, keepdim=True)
print([part.tolist() for part in centred.unbind()])
assert torch.allclose(centred.sum(dim=1), torch.zeros(3), atol=1e-6)
# --8<-- [end:centre_each]

# --8<-- [start:softmax_each]
scores = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 0.0])]
ragged_scores = torch.nested.nested_tensor(scores, layout=torch.jagged)
shares = torch.softmax(ragged_scores, dim=1)
for share, score in zip(shares.unbind(), scores, strict=True):
    print(share)
    torch.testing.assert_close(share, score.exp() / score.exp().sum())
# --8<-- [end:softmax_each]

# --8<-- [start:layers]
from torch import nn

torch.manual_seed(0)
embed, linear, norm = nn.Embedding(10, 8), nn.Linear(8, 4), nn.LayerNorm(4)
with torch.no_grad():
    rows = norm(linear(embed(batch.values())))
    hidden = torch.nested.nested_tensor_from_jagged(rows, batch.offsets())
    for part, sentence in zip(hidden.unbind(), sentences, strict=True):
        torch.testing.assert_close(part, norm(linear(embed(sentence))))
pooled = hidden.amax(dim=1)
print("tokens", rows.shape, " sentences", pooled.shape)
torch.testing.assert_close(pooled[2], rows[4:].amax(dim=0))
# --8<-- [end:layers]

# --8<-- [start:attention]
import torch.nn.functional as F

g = torch.Generator().manual_seed(1)
texts = [torch.randn(n, 4, generator=g) for n in (3, 1, 5)]
x = torch.cat(texts)
owner = torch.arange(3).repeat_interleave(torch.tensor([3, 1, 5]))
same_text = owner[:, None] == owner
print(same_text.int())
together = F.scaled_dot_product_attention(x[None], x[None], x[None], same_text)[0]
alone = [F.scaled_dot_product_attention(a[None], a[None], a[None])[0] for a in texts]
torch.testing.assert_close(together, torch.cat(alone))
print(together[3], texts[1][0])
# --8<-- [end:attention]

# --8<-- [start:positions]
starts, counts = batch.offsets()[:-1], batch.offsets().diff()
place = torch.arange(len(batch.values())) - starts.repeat_interleave(counts)
print("positions: ", place)
sentence = torch.arange(3).repeat_interleave(counts)
print("sentence:  ", sentence)
assert place.tolist() == [i for s in sentences for i in range(len(s))]
last = batch.values()[batch.offsets()[1:] - 1]
print("last words:", last)
assert last.tolist() == [s[-1].item() for s in sentences]
# --8<-- [end:positions]

# --8<-- [start:mean_of_embeddings]
torch.manual_seed(0)
words = nn.Embedding(10, 4)
by_bag = F.embedding_bag(batch.values(), words.weight, starts, mode="mean")
vectors = words(batch.values()).detach()
by_nested = torch.nested.nested_tensor_from_jagged(vectors, batch.offsets())
torch.testing.assert_close(by_bag, by_nested.mean(dim=1))
by_bag.sum().backward()
print(words.weight.grad[:, 0])
assert torch.isclose(words.weight.grad[4, 0], torch.tensor(1 / 3))
# --8<-- [end:mean_of_embeddings]

# --8<-- [start:loss_over_tokens]
g = torch.Generator().manual_seed(3)
logits = [torch.randn(n, 5, generator=g) for n in (4, 2)]
labels = [torch.tensor([0, 3, 1, 2]), torch.tensor([4, 4])]
ragged_logits = torch.nested.nested_tensor(logits, layout=torch.jagged)
ragged_labels = torch.nested.nested_tensor(labels, layout=torch.jagged)
loss = F.cross_entropy(ragged_logits.values(), ragged_labels.values())
square = ragged_logits.to_padded_tensor(0.0).flatten(0, 1)
filled = ragged_labels.to_padded_tensor(-100).flatten()
with_padding = F.cross_entropy(square, filled, ignore_index=-100)
print(f"{loss:.4f} {with_padding:.4f}")
assert torch.isclose(loss, with_padding)
# --8<-- [end:loss_over_tokens]

# --8<-- [start:gradient_of_a_mean]
x = torch.arange(5.0, requires_grad=True)
counts = torch.tensor([2, 3])
means = torch.segment_reduce(x, "mean", lengths=counts)
means.square().sum().backward()
print(means.detach(), x.grad)
by_hand = (2 * means.detach() / counts).repeat_interleave(counts)
torch.testing.assert_close(x.grad, by_hand)
# --8<-- [end:gradient_of_a_mean]

# --8<-- [start:same_lengths]
parts = [torch.ones(3), torch.ones(0), torch.ones(2), torch.ones(1)]
weights = torch.nested.nested_tensor(parts, layout=torch.jagged)
assert torch.equal(weights.offsets(), ragged.offsets())
try:
    ragged + weights
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split(' with ')[0]}")
shared = torch.nested.nested_tensor_from_jagged(weights.values(), ragged.offsets())
print((ragged + 100 * shared).values())
assert torch.equal((ragged + 100 * shared).values(), flat + 100)
# --8<-- [end:same_lengths]

# --8<-- [start:one_ragged_dimension]
pictures = [torch.ones(2, 3), 2 * torch.ones(3, 2)]
try:
    torch.nested.nested_tensor(pictures, layout=torch.jagged)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}.")
pixels = torch.nested.nested_tensor([p.flatten() for p in pictures], layout=torch.jagged)
print(pixels.mean(dim=1))
assert torch.allclose(pixels.mean(dim=1), torch.tensor([1.0, 2.0]))
# --8<-- [end:one_ragged_dimension]

# --8<-- [start:pick_sequences]
try:
    batch[0:2]
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
parts = batch.unbind()
picked = torch.nested.as_nested_tensor([parts[2], parts[0]], layout=torch.jagged)
print(batch[2], picked.values())
assert torch.equal(picked.values(), torch.tensor([2, 9, 4, 8, 1]))
# --8<-- [end:pick_sequences]

# --8<-- [start:mean_of_what_is_there]
nan = torch.nan
degrees = torch.tensor([[21.0, nan, 23.0], [nan, nan, 18.0], [20.0, 22.0, 30.0]])
here = ~degrees.isnan()
mean = torch.masked.mean(degrees, dim=1, mask=here)
print("with NaN:", degrees.mean(dim=1))
print("masked:  ", mean)
torch.testing.assert_close(mean, degrees.nanmean(dim=1))
# --8<-- [end:mean_of_what_is_there]

# --8<-- [start:true_means_valid]
pad = torch.tensor([[1.0, 2.0, 0.0], [5.0, 0.0, 0.0]])
lengths = torch.tensor([2, 1])
valid = torch.arange(3) < lengths[:, None]
print(valid)
print(torch.masked.sum(pad + 100, dim=1, mask=valid))
inverted = torch.masked.sum(pad + 100, dim=1, mask=~valid)
assert torch.equal(inverted, torch.tensor([100.0, 200.0]))
# --8<-- [end:true_means_valid]

# --8<-- [start:growth]
factor = torch.tensor([[1.10, 0.50, 1.20], [1.05, 1.10, 0.0]], dtype=torch.float64)
known = torch.tensor([[True, True, True], [True, True, False]])
growth = torch.masked.prod(factor, dim=1, mask=known)
years = known.sum(dim=1)
print("money:", growth, " a year:", growth ** (1 / years))
assert torch.allclose(growth, torch.tensor([0.66, 1.155], dtype=torch.float64))
# --8<-- [end:growth]

# --8<-- [start:standardise]
import numpy as np

heights = torch.tensor([[170.0, 180.0, 0.0, 190.0], [160.0, 0.0, 0.0, 166.0]]).double()
seen = heights > 0
mean = torch.masked.mean(heights, dim=1, keepdim=True, mask=seen)
var = torch.masked.var(heights, dim=1, keepdim=True, unbiased=False, mask=seen)
std = torch.masked.std(heights, dim=1, unbiased=True, mask=seen)
print("var", var.flatten(), " std", std)
z = torch.where(seen, (heights - mean) / var.sqrt(), 0.0)
print(z)
for k in range(2):
    row = heights[k][seen[k]].cpu().numpy()
    assert np.isclose(std[k].item(), row.std(ddof=1))
    assert np.isclose(var[k].item(), row.var())
# --8<-- [end:standardise]

# --8<-- [start:scale_to_unit]
low = torch.masked.amin(degrees, dim=1, keepdim=True, mask=here)
high = torch.masked.amax(degrees, dim=1, keepdim=True, mask=here)
print("low", low.flatten(), " high", high.flatten())
scaled = (degrees - low) / (high - low)
print(scaled)
assert low.flatten().tolist() == [21, 18, 20]
assert high.flatten().tolist() == [23, 18, 30]
# --8<-- [end:scale_to_unit]

# --8<-- [start:best_legal_move]
value = torch.tensor([[0.9, 0.2, 0.4], [0.1, 0.8, 0.3]])
legal = torch.tensor([[False, True, True], [True, False, True]])
best = torch.masked.argmax(value, dim=1, mask=legal)
worst = torch.masked.argmin(value, dim=1, mask=legal)
print("best", best.long(), " worst", worst.long(), " dtype", best.dtype)
taken = value.gather(1, best.long()[:, None]).flatten()
assert torch.equal(taken, value.masked_fill(~legal, -1).amax(dim=1))
assert torch.equal(worst.long(), torch.tensor([1, 0]))
# --8<-- [end:best_legal_move]

# --8<-- [start:median_with_gaps]
prices = torch.tensor([[3.0, 900.0, 5.0, 4.0], [8.0, 0.0, 6.0, 0.0]])
quoted = prices > 0
middle = torch.masked.median(prices, dim=1, mask=quoted)
print("masked:", middle, " all:", prices.median(dim=1).values)
gaps = prices.masked_fill(~quoted, nan)
assert torch.equal(middle, gaps.nanmedian(dim=1).values)
# --8<-- [end:median_with_gaps]

# --8<-- [start:running_totals]
rain = torch.tensor([2.0, -1.0, 3.0, 4.0])
measured = rain >= 0
total = torch.masked.cumsum(rain, 0, mask=measured)
print("so far:", total)
survive = torch.masked.cumprod(torch.tensor([0.5, 9.0, 0.5, 0.5]), 0, mask=measured)
print("left:  ", survive)
assert torch.equal(total[measured], rain[measured].cumsum(0))
assert survive.tolist() == [0.5, 0.5, 0.25, 0.125]
# --8<-- [end:running_totals]

# --8<-- [start:similar_taste]
stars = torch.tensor([[5.0, 1.0, 0.0, 4.0], [4.0, 2.0, 5.0, 0.0]], dtype=torch.float64)
rated = stars > 0
both = rated.all(dim=0).expand(2, -1)
length = torch.masked.norm(stars, 2.0, dim=1, mask=both)
unit = torch.masked.normalize(stars, 2.0, dim=1, mask=both)
cosine = (unit[0] * unit[1]).sum()
print("lengths", length, f" cosine {cosine:.4f}")
torch.testing.assert_close(length.square(), torch.tensor([26.0, 20.0]).double())
by_hand = F.cosine_similarity(stars[0, :2], stars[1, :2], dim=0)
torch.testing.assert_close(cosine, by_hand)
# --8<-- [end:similar_taste]

# --8<-- [start:attention_weights]
score = torch.tensor([[2.0, 1.0, 9.0], [0.0, 9.0, 9.0]])
real = torch.tensor([[True, True, False], [True, False, False]])
weight = torch.masked.softmax(score, dim=1, mask=real)
print(weight)
filled = score.masked_fill(~real, -torch.inf).softmax(dim=1)
torch.testing.assert_close(weight, filled)
# --8<-- [end:attention_weights]

# --8<-- [start:loss_over_legal_moves]
policy = torch.tensor([[2.0, 0.5, 1.0]], requires_grad=True)
allowed = torch.tensor([[True, False, True]])
log_p = torch.masked.log_softmax(policy, dim=1, mask=allowed)
loss = -log_p[0, 2]
loss.backward()
print(f"loss {loss:.4f}", policy.grad)
assert torch.isclose(loss, torch.log1p(torch.tensor(1.0).exp()))
assert policy.grad[0, 1] == 0
# --8<-- [end:loss_over_legal_moves]

# --8<-- [start:weights_from_distances]
distance = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 2.0]], dtype=torch.float64)
others = distance > 0
near = torch.masked.softmin(distance, dim=1, mask=others)
print(near)
inverse = torch.where(others, torch.exp(-distance), 0.0)
torch.testing.assert_close(near, inverse / inverse.sum(dim=1, keepdim=True))
# --8<-- [end:weights_from_distances]

# --8<-- [start:add_probabilities]
log_p = torch.tensor([[0.2, 0.3, 0.5], [0.4, 0.6, 0.9]], dtype=torch.float64).log()
used = torch.tensor([[True, False, True], [True, True, False]])
total = torch.masked.logsumexp(log_p, dim=1, mask=used).exp()
print("sums:", total)
torch.testing.assert_close(total, torch.tensor([0.7, 1.0]).double())
either = torch.masked.logaddexp(log_p[0], log_p[1], input_mask=used[0], other_mask=used[1])
print("pairs:", either.exp())
torch.testing.assert_close(either.exp(), torch.tensor([0.6, 0.6, 0.5]).double())
# --8<-- [end:add_probabilities]

# --8<-- [start:nothing_is_there]
row, none = torch.tensor([[3.0, 4.0]]), torch.tensor([[False, False]])
names = ("sum", "prod", "amax", "amin", "mean", "median", "logsumexp")
for name in names:
    result = getattr(torch.masked, name)(row, dim=1, mask=none).item()
    print(f"{name:9} {result}")
safe = torch.masked.mean(row, dim=1, mask=none).nan_to_num(0.0)
assert safe.item() == 0
# --8<-- [end:nothing_is_there]

# --8<-- [start:mean_of_integers]
grades = torch.tensor([[5, 4, 0], [3, 0, 0]])
given = grades > 0
try:
    torch.masked.mean(grades, dim=1, mask=given)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")
average = torch.masked.mean(grades, dim=1, mask=given, dtype=torch.float32)
print(average, torch.masked.sum(grades, dim=1, mask=given))
assert average.tolist() == [4.5, 3.0]
# --8<-- [end:mean_of_integers]

# --8<-- [start:tensor_with_a_mask]
import warnings

data = torch.tensor([[1.0, 2.0, -9.0], [4.0, -9.0, 6.0]])
mask = data > 0
with warnings.catch_warnings(action="ignore"):
    m = torch.masked.masked_tensor(data, mask)
    print(m)
    half = m / 2
    print(half.to_tensor(0.0))
print(torch.masked.is_masked_tensor(m), torch.masked.is_masked_tensor(data))
assert isinstance(half, torch.masked.MaskedTensor)
assert torch.equal(m.get_data(), data) and torch.equal(m.get_mask(), mask)
assert torch.equal(half.to_tensor(0.0), torch.where(mask, data / 2, 0.0))
# --8<-- [end:tensor_with_a_mask]

# --8<-- [start:reduce_a_masked_tensor]
with warnings.catch_warnings(action="ignore"):
    by_row = [m.sum(1), m.mean(1), m.amax(1), m.exp().log().sum(1)]
    sums, means, most, again = (x.to_tensor(torch.nan) for x in by_row)
    print(m.sum(1))
print("means", means, " largest", most)
torch.testing.assert_close(means, torch.masked.mean(data, dim=1, mask=mask))
torch.testing.assert_close(again, sums)
# --8<-- [end:reduce_a_masked_tensor]

# --8<-- [start:masks_must_match]
other_mask = torch.tensor([[True, False, True], [True, True, True]])
both = mask & other_mask
with warnings.catch_warnings(action="ignore"):
    other = torch.masked.masked_tensor(10 * data, other_mask)
    try:
        m + other
    except ValueError as error:
        print(f"{type(error).__name__}: {str(error).split('. ')[0]}.")
    left = torch.masked.masked_tensor(m.get_data(), both)
    right = torch.masked.masked_tensor(other.get_data(), both)
    print(left + right)
    added = (left + right).to_tensor(0.0)
assert torch.equal(added, torch.where(both, 11 * data, 0.0))
# --8<-- [end:masks_must_match]

# --8<-- [start:gradient_without_nan]
top = torch.tensor([0.0, 1.0, 4.0], requires_grad=True)
bottom = torch.tensor([0.0, 1.0, 2.0])
defined = bottom > 0
torch.where(defined, top / bottom, 0.0).sum().backward()
print("where: ", top.grad)
with warnings.catch_warnings(action="ignore"):
    numerator = torch.masked.as_masked_tensor(top, defined)
    denominator = torch.masked.as_masked_tensor(bottom, defined)
    ones = torch.masked.masked_tensor(torch.ones(3), defined)
    (gradient,) = torch.autograd.grad(numerator / denominator, top, ones)
    gradient = gradient.to_tensor(0.0)
print("masked:", gradient)
assert gradient.tolist() == [0.0, 1.0, 0.5]
safe = torch.where(defined, bottom, 1.0)
(plain,) = torch.autograd.grad(torch.where(defined, top / safe, 0.0).sum(), top)
assert torch.allclose(plain, gradient)
# --8<-- [end:gradient_without_nan]

# --8<-- [start:not_for_masked_tensors]
with warnings.catch_warnings(action="ignore"):
    try:
        m.median(1)
    except TypeError as error:
        print(f"{type(error).__name__}: {str(error).split(';')[0]}")
    try:
        m.numpy()
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")
    array = m.to_tensor(torch.nan).cpu().numpy()
print(np.nanmedian(array, axis=1))
assert np.isnan(array).sum() == 2
# --8<-- [end:not_for_masked_tensors]

# --8<-- [start:masked_and_sparse]
with warnings.catch_warnings(action="ignore"):
    packed = m.to_sparse()
    values = packed.get_data().coalesce().values()
    print(packed.is_sparse_coo(), m.is_sparse_coo(), values)
    back = packed.to_dense().to_tensor(0.0)
assert torch.equal(values, data[mask])
assert torch.equal(back, torch.where(mask, data, 0.0))
# --8<-- [end:masked_and_sparse]
