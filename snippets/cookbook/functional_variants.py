# --8<-- [start:drop_words]
import torch
import torch.nn.functional as F

torch.manual_seed(0)
sentence = torch.ones(1, 12, 4)
dropped = F.dropout1d(sentence, p=0.4)
print([round(v, 3) for v in dropped[0, :, 0].tolist()])
kept = dropped[0, :, 0] > 0
assert torch.allclose(dropped, sentence * kept[:, None] / 0.6) and 0 < kept.sum() < 12
assert torch.equal(F.dropout1d(sentence, p=0.4, training=False), sentence)
# --8<-- [end:drop_words]

# --8<-- [start:drop_feature_maps]
torch.manual_seed(0)
maps = 1 + torch.arange(6.0).reshape(1, 6, 1, 1).expand(500, 6, 4, 4)
thinned = F.dropout2d(maps, p=0.5)
whole = thinned.flatten(2)
assert ((whole == 0).all(dim=2) | (whole == 2 * maps.flatten(2)).all(dim=2)).all()
film = F.dropout3d(torch.ones(500, 6, 2, 4, 4), p=0.2)
assert (film.flatten(2).amax(dim=2) == film.flatten(2).amin(dim=2)).all()
print("values of a map:", sorted(set(thinned[:, 2].flatten().tolist())))
print(f"share dropped {(thinned == 0).float().mean():.1f} {(film == 0).float().mean():.1f}")
# --8<-- [end:drop_feature_maps]

# --8<-- [start:drop_after_selu]
torch.manual_seed(0)
x = F.selu(torch.randn(100_000, dtype=torch.float64))
for name, y in (("dropout", F.dropout(x, 0.3)), ("alpha_dropout", F.alpha_dropout(x, 0.3, training=True))):
    print(f"{name:13} mean {y.mean().abs():.1f}, variance {y.var():.1f}")
assert y.mean().abs() < 0.03 and (y.var() - 1).abs() < 0.05
low = -1.7580993408473766
scale = (0.7 + low**2 * 0.7 * 0.3) ** -0.5
assert torch.isclose(y.mode().values, torch.tensor(scale * low * (1 - 0.3), dtype=torch.float64))
# --8<-- [end:drop_after_selu]

# --8<-- [start:drop_channels_after_selu]
torch.manual_seed(0)
x = torch.randn(400, 5, 30, dtype=torch.float64)
y = F.feature_alpha_dropout(x, 0.2, training=True)
flat = (y == y[..., :1]).all(dim=2)
print(f"constant channels {flat.double().mean():.1f}, their value {y[flat].unique().item():.3f}")
print(f"mean {y.mean().abs():.1f}, variance {y.var():.1f}")
assert len(y[flat].unique()) == 1 and (y.var() - 1).abs() < 0.1
# --8<-- [end:drop_channels_after_selu]

# --8<-- [start:convolve_time_first]
torch.manual_seed(0)
frames = torch.randn(10, 2, 3, dtype=torch.float64)
weight = torch.randn(5, 3, 4, dtype=torch.float64)
bias = torch.arange(4, dtype=torch.float64)
out = F.conv_tbc(frames, weight, bias, pad=2)
same = F.conv1d(frames.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=2)
print(tuple(out.shape), [round(v, 3) for v in out[0, 0].tolist()])
torch.testing.assert_close(out, same.permute(2, 0, 1))
# --8<-- [end:convolve_time_first]

# --8<-- [start:distances_of_pairs]
from scipy.spatial.distance import pdist, squareform

towns = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [0.0, 5.0]])
pairs = torch.combinations(torch.arange(4))
distance = F.pdist(towns)
for pair, d in zip(pairs.tolist(), distance.tolist(), strict=True):
    print(pair, f"{d:.3f}", end="  ")
print("\ncity blocks:", F.pdist(towns, p=1).tolist())
assert torch.allclose(distance.cpu(), torch.from_numpy(pdist(towns.cpu().numpy())).float())
table = torch.from_numpy(squareform(distance.cpu().numpy()))
assert torch.allclose(table, torch.cdist(towns, towns).cpu())
# --8<-- [end:distances_of_pairs]

# --8<-- [start:experts_in_one_call]
g = torch.Generator().manual_seed(0)
tokens = torch.randint(-3, 4, (7, 16), generator=g, device="cpu").bfloat16()
experts = torch.randint(-2, 3, (3, 16, 8), generator=g, device="cpu").bfloat16()
ends = torch.tensor([2, 2, 7], dtype=torch.int32, device="cpu")
out = F.grouped_mm(tokens, experts, offs=ends)
print(tuple(out.shape), out[2].tolist())
assert torch.equal(out[:2], tokens[:2] @ experts[0])
assert torch.equal(out[2:], tokens[2:] @ experts[2])
# --8<-- [end:experts_in_one_call]

# --8<-- [start:eight_bit_product]
g = torch.Generator().manual_seed(0)
a = 0.1 * torch.randint(-8, 9, (16, 32), generator=g, device="cpu")
b = 3.0 * torch.randint(-4, 5, (32, 16), generator=g, device="cpu")
scale_a, scale_b = torch.tensor(0.1, device="cpu"), torch.tensor(3.0, device="cpu")
a8 = (a / scale_a).to(torch.float8_e4m3fn)
b8 = (b / scale_b).to(torch.float8_e4m3fn).T.contiguous().T
per_tensor = F.ScalingType.TensorWise
out = F.scaled_mm(a8, b8, scale_a, per_tensor, scale_b, per_tensor, output_dtype=torch.float32)
print(a8.nbytes, "bytes instead of", a.nbytes, [round(v, 1) for v in out[0, :4].tolist()])
torch.testing.assert_close(out, a @ b, rtol=1e-5, atol=1e-4)
# --8<-- [end:eight_bit_product]

# --8<-- [start:where_a_filter_fires]
signal = torch.zeros(1, 2, 50)
signal[0, 0, 37], signal[0, 1, 4] = 5.0, 2.0
height, place = F.adaptive_max_pool1d_with_indices(signal, 1)
print("height", height.flatten().tolist(), "place", place.flatten().tolist())
halves, _ = F.adaptive_max_pool1d_with_indices(signal, 2)
print("in each half:", halves[0].tolist())
assert torch.equal(place[..., 0], signal.argmax(dim=2))
# --8<-- [end:where_a_filter_fires]

# --8<-- [start:keep_only_peaks]
g = torch.Generator().manual_seed(3)
heat = torch.rand(1, 1, 6, 6, generator=g)
heat[0, 0, 1, 2], heat[0, 0, 4, 4] = 4.0, 3.0
peak, where = F.max_pool2d_with_indices(heat, 3, stride=1, padding=1)
own = torch.arange(36).reshape(1, 1, 6, 6)
is_peak = (where == own) & (heat > 2)
print(is_peak[0, 0].nonzero().tolist())
assert torch.equal(heat[is_peak], torch.tensor([4.0, 3.0])) and torch.equal(heat.flatten()[where], peak)
# --8<-- [end:keep_only_peaks]

# --8<-- [start:random_shrink]
torch.manual_seed(0)
picture = torch.arange(100.0).reshape(1, 1, 10, 10)
small, where = F.fractional_max_pool2d_with_indices(picture, 2, output_ratio=(0.7, 0.7))
rows = where[0, 0, :, 0] // 10
print(tuple(small.shape), "rows taken:", rows.tolist(), "steps:", rows.diff().tolist())
assert torch.equal(picture.flatten()[where], small)
assert set(rows.diff().tolist()) <= {1, 2} and rows[-1] == 9
# --8<-- [end:random_shrink]

# --8<-- [start:attention_from_matrices]
torch.manual_seed(0)
layer = torch.nn.MultiheadAttention(8, 2)
x = torch.randn(5, 1, 8)
with torch.no_grad():
    out, weights = F.multi_head_attention_forward(
        x,
        x,
        x,
        8,
        2,
        layer.in_proj_weight,
        layer.in_proj_bias,
        None,
        None,
        False,
        0.0,
        layer.out_proj.weight,
        layer.out_proj.bias,
        average_attn_weights=False,
    )
    expected, _ = layer(x, x, x)
print(tuple(weights.shape), [round(v, 3) for v in weights[0, 1, 0].tolist()])
assert torch.allclose(weights.sum(dim=-1), torch.ones(1, 2, 5))
assert torch.allclose(out, expected, atol=1e-6)
# --8<-- [end:attention_from_matrices]

# --8<-- [start:clip_two_models]
from torch import nn

torch.manual_seed(0)
actor, critic = nn.Linear(4, 2), nn.Linear(4, 1)
(100 * critic(torch.ones(4)).square().sum() + actor(torch.ones(4)).sum()).backward()
everything = [*actor.parameters(), *critic.parameters()]
total = nn.utils.get_total_norm(p.grad for p in everything)
before = critic.weight.grad.norm() / actor.weight.grad.norm()
nn.utils.clip_grads_with_norm_(everything, max_norm=1.0, total_norm=total)
after = nn.utils.get_total_norm(p.grad for p in everything)
print(f"total norm {total:.1f} -> {after:.3f}")
by_hand = torch.cat([p.grad.flatten() for p in everything]).norm()
assert torch.isclose(by_hand, torch.tensor(1.0), atol=1e-4)
assert torch.isclose(critic.weight.grad.norm() / actor.weight.grad.norm(), before)
# --8<-- [end:clip_two_models]

# --8<-- [start:line_between_models]
torch.manual_seed(0)
x = torch.linspace(-1, 1, 40)[:, None]
y = x**2
first = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
start = nn.utils.parameters_to_vector(first.parameters()).detach()
optimizer = torch.optim.Adam(first.parameters(), lr=0.05)
for _ in range(80):
    optimizer.zero_grad()
    F.mse_loss(first(x), y).backward()
    optimizer.step()
end = nn.utils.parameters_to_vector(first.parameters()).detach()
losses = []
for share in (0.0, 0.5, 1.0):
    nn.utils.vector_to_parameters(torch.lerp(start, end, share), first.parameters())
    losses.append(F.mse_loss(first(x), y).item())
print(len(start), "numbers; loss on the way:", [f"{v:.2f}" for v in losses])
assert len(start) == 8 + 8 + 8 + 1 and losses[0] > losses[1] > losses[2] and losses[2] < 0.02
# --8<-- [end:line_between_models]

# --8<-- [start:fold_batch_norm]
torch.manual_seed(0)
conv, norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
norm(conv(5 + torch.randn(8, 3, 9, 9)))
nn.init.uniform_(norm.weight)
conv.eval(), norm.eval()
fused = nn.utils.fuse_conv_bn_eval(conv, norm)
x = torch.randn(2, 3, 9, 9)
print(sum(p.numel() for p in fused.parameters()), "parameters, bias", fused.bias is not None)
assert torch.allclose(fused(x), norm(conv(x)), atol=1e-5)
weight, bias = nn.utils.fuse_conv_bn_weights(
    conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
)
factor = norm.weight / (norm.running_var + norm.eps).sqrt()
assert torch.allclose(weight, conv.weight * factor[:, None, None, None])
assert torch.allclose(bias, norm.bias - factor * norm.running_mean)
# --8<-- [end:fold_batch_norm]

# --8<-- [start:fold_after_linear]
torch.manual_seed(0)
linear, norm = nn.Linear(5, 3, dtype=torch.float64), nn.BatchNorm1d(3, dtype=torch.float64)
norm(linear(torch.randn(64, 5, dtype=torch.float64)))
linear.eval(), norm.eval()
fused = nn.utils.fuse_linear_bn_eval(linear, norm)
weight, bias = nn.utils.fuse_linear_bn_weights(
    linear.weight, linear.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
)
x = torch.randn(4, 5, dtype=torch.float64)
print([round(v, 3) for v in (x @ weight.T + bias)[0].tolist()])
assert torch.allclose(x @ weight.T + bias, norm(linear(x)))
assert torch.allclose(fused(x), norm(linear(x)))
# --8<-- [end:fold_after_linear]

# --8<-- [start:channels_last_weights]
torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Linear(4, 4))
values = model[0].weight.clone()
print("before", model[0].weight.stride())
nn.utils.convert_conv2d_weight_memory_format(model, torch.channels_last)
print("after ", model[0].weight.stride(), " linear", model[2].weight.stride())
out = model[0](torch.randn(2, 3, 6, 6))
assert torch.equal(model[0].weight, values) and out.is_contiguous(memory_format=torch.channels_last)
# --8<-- [end:channels_last_weights]

# --8<-- [start:skip_the_draw]
torch.manual_seed(0)
state = torch.get_rng_state()
loaded = nn.utils.skip_init(nn.Linear, 3, 2)
assert torch.equal(torch.get_rng_state(), state)
loaded.load_state_dict({"weight": torch.eye(2, 3), "bias": torch.ones(2)})
print(loaded(torch.tensor([5.0, 6.0, 7.0])).tolist())
# --8<-- [end:skip_the_draw]

# --8<-- [start:weights_that_sum_to_one]
from torch.nn.utils import parametrize


class Softmax(nn.Module):
    def forward(self, free):
        return free.softmax(dim=-1)

    def right_inverse(self, shares):
        return shares.log()


torch.manual_seed(0)
mix = nn.Linear(3, 2, bias=False)
nn.init.constant_(mix.weight, 1 / 3)
parametrize.register_parametrization(mix, "weight", Softmax())
mix.weight = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]])
print([round(v, 2) for v in mix.weight[0].tolist()], list(dict(mix.named_parameters())))
# --8<-- [end:weights_that_sum_to_one]

# --8<-- [start:one_rule_for_two_layers]
torch.manual_seed(0)
source, target = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)
nn.init.uniform_(source.weight, 0.1, 1.0)
parametrize.register_parametrization(source, "weight", Softmax())
parametrize.transfer_parametrizations_and_params(source, target)
print(type(target).__name__, "was a", parametrize.type_before_parametrizations(target).__name__)
assert target.parametrizations.weight.original is source.parametrizations.weight.original
assert torch.equal(target.weight, source.weight)
assert torch.allclose(target.weight.sum(dim=1), torch.ones(2))
shares = source.weight.detach().clone()
free = source.parametrizations.weight.original.detach().clone()
target.parametrizations.weight.original = nn.Parameter(free)
parametrize.remove_parametrizations(target, "weight")
print(type(target).__name__, list(dict(target.named_parameters())))
assert torch.allclose(target.weight, shares) and torch.equal(source.weight, shares)
# --8<-- [end:one_rule_for_two_layers]


# --8<-- [start:way_back_of_a_list]
class Square(nn.Module):
    def forward(self, free):
        return free.square()

    def right_inverse(self, value):
        return value.sqrt()


torch.manual_seed(0)
scaled = nn.Linear(2, 1, bias=False)
nn.init.constant_(scaled.weight, 0.5)
parametrize.register_parametrization(scaled, "weight", Square())
parametrize.register_parametrization(scaled, "weight", Softmax())
rules = scaled.parametrizations.weight
rules.right_inverse(torch.tensor([[8.0, 2.0]]))
print([type(rule).__name__ for rule in rules], [round(v, 3) for v in scaled.weight[0].tolist()])
torch.testing.assert_close(rules.original.square(), torch.tensor([[8.0, 2.0]]).log())
# --8<-- [end:way_back_of_a_list]

# --8<-- [start:prune_rows]
from torch.nn.utils import prune

torch.manual_seed(0)
layer = nn.Linear(4, 6)
norms = layer.weight.detach().norm(p=1, dim=1)
prune.ln_structured(layer, "weight", amount=2, n=1, dim=0)
gone = (layer.weight_mask == 0).all(dim=1)
print("row norms", [round(v, 2) for v in norms.tolist()], "pruned", gone.nonzero().flatten().tolist())
assert set(gone.nonzero().flatten().tolist()) == set(norms.topk(2, largest=False).indices.tolist())
assert (layer.weight[gone] == 0).all() and layer.weight_orig[gone].abs().sum() > 0
# --8<-- [end:prune_rows]

# --8<-- [start:prune_the_smallest_of_all]
torch.manual_seed(0)
wide, narrow = nn.Linear(100, 10), nn.Linear(4, 10)
before = torch.cat([wide.weight.detach().flatten(), narrow.weight.detach().flatten()]).abs()
prune.global_unstructured([(wide, "weight"), (narrow, "weight")], pruning_method=prune.L1Unstructured, amount=0.3)
zeros = {m.weight.numel(): int((m.weight == 0).sum()) for m in (wide, narrow)}
print("zeros of 1000 and of 40 weights:", zeros)
left = torch.cat([wide.weight.flatten(), narrow.weight.flatten()]).abs()
assert sum(zeros.values()) == 312 and left[left > 0].min() >= before[left == 0].max()
# --8<-- [end:prune_the_smallest_of_all]

# --8<-- [start:prune_by_chance]
torch.manual_seed(0)
control = nn.Linear(20, 10, bias=False)
prune.random_unstructured(control, "weight", amount=0.25)
print("entries removed:", int((control.weight == 0).sum()))
columns = nn.Linear(20, 10, bias=False)
prune.random_structured(columns, "weight", amount=5, dim=1)
empty = (columns.weight == 0).all(dim=0)
print("columns removed:", int(empty.sum()), " zeros elsewhere:", int((columns.weight[:, ~empty] == 0).sum()))
assert (control.weight == 0).sum() == 50 and empty.sum() == 5
# --8<-- [end:prune_by_chance]

# --8<-- [start:mask_of_my_own]
torch.manual_seed(0)
banded = nn.Linear(6, 6, bias=False)
band = torch.ones(6, 6).tril(1).triu(-1)
prune.custom_from_mask(banded, "weight", band)
optimizer = torch.optim.SGD(banded.parameters(), lr=0.1)
banded(torch.ones(6)).square().sum().backward()
optimizer.step()
banded(torch.ones(6))
outside = banded.weight[band == 0]
prune.remove(banded, "weight")
print("weights outside the band after a step:", int(outside.count_nonzero()))
print(sorted(dict(banded.named_parameters())), int(banded.weight.count_nonzero()), "left")
assert torch.equal(banded.weight != 0, band.bool())
# --8<-- [end:mask_of_my_own]

# --8<-- [start:prune_in_three_steps]
torch.manual_seed(0)
layer = nn.Linear(8, 8, bias=False)
counts = []
for _ in range(3):
    prune.l1_unstructured(layer, "weight", amount=0.5)
    counts.append(int(layer.weight_mask.sum()))
steps = next(iter(layer._forward_pre_hooks.values()))
print(counts, type(steps).__name__, len(steps))
assert counts == [32, 16, 8]
# --8<-- [end:prune_in_three_steps]


# --8<-- [start:own_pruning_rule]
class EveryOther(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


torch.manual_seed(0)
ticked = nn.Linear(4, 2, bias=False)
EveryOther.apply(ticked, "weight")
print(ticked.weight_mask)
scores = torch.tensor([[9.0, 8.0, 1.0], [2.0, 7.0, 3.0]])
weights = torch.arange(1.0, 7.0).reshape(2, 3)
print(prune.L1Unstructured(amount=3).prune(weights, importance_scores=scores))
# --8<-- [end:own_pruning_rule]

# --8<-- [start:prepare_for_pruning]
torch.manual_seed(0)
later = nn.Linear(3, 2)
prune.identity(later, "weight")
print(prune.is_pruned(later), later.weight_mask.tolist(), list(dict(later.named_parameters())))
later.weight_mask[0, 1] = 0
later(torch.ones(3))
print(later.weight[0].count_nonzero().item(), "of 3 weights in row 0")
# --8<-- [end:prepare_for_pruning]

# --8<-- [start:convert_a_packed_batch]
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

notes = [torch.tensor([3.0, 1.0]), torch.tensor([4.0, 1.0, 5.0]), torch.tensor([9.0])]
packed = pack_sequence(notes, enforce_sorted=False)
wide = packed.double()
whole = packed.to(torch.int64)
print(wide.data.dtype, whole.data.tolist(), whole.batch_sizes.tolist(), packed.is_pinned())
back = unpack_sequence(whole)
print([part.tolist() for part in back])
assert torch.equal(wide.data, packed.data.double())
assert all(torch.equal(a, b.long()) for a, b in zip(back, notes, strict=True))
# --8<-- [end:convert_a_packed_batch]

# --8<-- [start:pad_on_the_left]
from torch.nn.utils.rnn import pad_sequence

prompts = [torch.tensor([5, 6]), torch.tensor([7, 8, 9])]
left = pad_sequence(prompts, batch_first=True, padding_value=-1, padding_side="left")
print(left)
assert left[:, -1].tolist() == [p[-1].item() for p in prompts]
assert torch.equal(left[left >= 0], torch.cat(prompts))
# --8<-- [end:pad_on_the_left]

# --8<-- [start:masks_from_rules]
from torch.nn.attention.flex_attention import and_masks, create_mask, or_masks


def causal(b, h, i, j):
    return i >= j


def prefix(b, h, i, j):
    return j < 2


def near(b, h, i, j):
    return i - j < 2


sliding = create_mask(and_masks(causal, near), 1, 1, 5, 5, device="cpu")[0, 0]
with_prefix = create_mask(or_masks(prefix, and_masks(causal, near)), 1, 1, 5, 5, device="cpu")[0, 0]
print(torch.cat([sliding.int(), torch.full((5, 1), 8, device="cpu"), with_prefix.int()], dim=1))
ones = torch.ones(5, 5, device="cpu")
assert torch.equal(sliding.float(), ones.tril().triu(-1))
assert torch.equal(with_prefix, sliding | (torch.arange(5, device="cpu") < 2))
# --8<-- [end:masks_from_rules]

# --8<-- [start:blocks_that_are_skipped]
from torch.nn.attention.flex_attention import BlockMask

count = torch.tensor([[[1, 2, 2, 1]]], dtype=torch.int32, device="cpu")
columns = torch.tensor([[[[0, 0, 0, 0], [0, 1, 0, 0], [1, 2, 0, 0], [3, 0, 0, 0]]]], dtype=torch.int32, device="cpu")
blocks = BlockMask.from_kv_blocks(count, columns, BLOCK_SIZE=16, seq_lengths=(64, 64))
print(blocks.to_string())
print(blocks.shape, blocks.numel(), f"{blocks.sparsity():.1f} % are skipped")
dense = blocks.to_dense()[0, 0]
print(dense.tolist())
assert dense.sum() == count.sum() == 6 and blocks.sparsity() == 100 * (1 - 6 / 16)
assert [dense[i, columns[0, 0, i, 0]].item() for i in range(4)] == [1, 1, 1, 1]
# --8<-- [end:blocks_that_are_skipped]
