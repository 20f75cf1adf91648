# --8<-- [start:rnn_by_hand]
import torch
from torch import nn


def rnn_by_hand(x, w_x, w_h, b_x, b_h):
    """x (N, L, I), w_x (H, I), w_h (H, H) -> all states (N, L, H)"""
    h = torch.zeros(len(x), len(w_h))  # (N, H)
    states = []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ w_x.T + b_x + h @ w_h.T + b_h)
        states.append(h)
    return torch.stack(states, dim=1)


torch.manual_seed(0)
rnn = nn.RNN(input_size=3, hidden_size=5, batch_first=True)
x = torch.randn(2, 7, 3)  # (N, L, I): 2 sequences, 7 steps, 3 values
output, h_n = rnn(x)  # (N, L, H), (1, N, H)
weights = rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0
torch.testing.assert_close(output, rnn_by_hand(x, *weights))
print("output", tuple(output.shape), " h_n", tuple(h_n.shape))
assert torch.equal(output[:, -1], h_n[0])
# --8<-- [end:rnn_by_hand]

# --8<-- [start:rnn_unrolled]
import matplotlib.pyplot as plt


def box(ax, x, y, text, color):
    look = {"boxstyle": "round,pad=0.4", "fc": color, "ec": color, "alpha": 0.45}
    ax.text(x, y, text, ha="center", va="center", bbox=look)


def arrow(ax, start, end, color="#7a8599"):
    look = {"arrowstyle": "->", "color": color, "lw": 1.4}
    ax.annotate("", end, start, arrowprops=look)


fig, ax = plt.subplots(figsize=(8, 2.8))
for t in range(1, 5):
    box(ax, 2 * t, 0, f"$x_{t}$", "#2f6fdb")
    box(ax, 2 * t, 1.2, "tanh", "#e4572e")
    box(ax, 2 * t, 2.4, f"output$_{t}$", "#2a9d8f")
    arrow(ax, (2 * t, 0.32), (2 * t, 0.88))
    arrow(ax, (2 * t, 1.52), (2 * t, 2.08))
    arrow(ax, (2 * t - 1.6, 1.2), (2 * t - 0.4, 1.2))
    ax.text(2 * t - 1, 1.33, f"$h_{t - 1}$", ha="center", va="bottom")
arrow(ax, (8.4, 1.2), (9.5, 1.2))
ax.text(9.0, 1.33, "$h_n$", ha="center", va="bottom")
ax.set(xlim=(0, 9.8), ylim=(-0.4, 2.8), aspect="equal")
ax.axis("off")
plt.show()
# --8<-- [end:rnn_unrolled]

# --8<-- [start:rnn_cell]
torch.manual_seed(0)
cell = nn.RNNCell(input_size=3, hidden_size=5)
layer = nn.RNN(3, 5, batch_first=True)
state = {f"{name}_l0": value for name, value in cell.state_dict().items()}
layer.load_state_dict(state)

x = torch.randn(2, 7, 3)
h = torch.zeros(2, 5)
for t in range(7):
    h = cell(x[:, t], h)  # (2, 3), (2, 5) -> (2, 5)
torch.testing.assert_close(h, layer(x)[1][0])
print("cell: ", list(cell.state_dict()))
print("layer:", list(layer.state_dict()))
# --8<-- [end:rnn_cell]

# --8<-- [start:rnn_relu]
torch.manual_seed(0)
for nonlinearity in ("tanh", "relu"):
    rnn = nn.RNN(1, 1, nonlinearity=nonlinearity, batch_first=True)
    for p in rnn.parameters():
        nn.init.zeros_(p)
    nn.init.constant_(rnn.weight_hh_l0, 1.5)  # f(1.5 * the one before)
    states, _ = rnn(torch.zeros(1, 12, 1), torch.full((1, 1, 1), 0.1))
    print(nonlinearity, [round(v, 2) for v in states[0, ::2, 0].tolist()])
# --8<-- [end:rnn_relu]

# --8<-- [start:batch_first_forgotten]
torch.manual_seed(0)
x = torch.randn(4, 7, 3)  # (N, L, I)
changed = x.clone()
changed[0] += 1  # another first sequence
for batch_first in (True, False):
    rnn = nn.RNN(3, 5, batch_first=batch_first)
    differs = (rnn(x)[0] != rnn(changed)[0]).flatten(1).any(dim=1)
    shape = tuple(rnn(x)[0].shape)
    print(f"{batch_first=!s:5} {shape}  outputs that changed: {differs.tolist()}")
# --8<-- [end:batch_first_forgotten]

# --8<-- [start:wrong_input_size]
torch.manual_seed(0)
nn.RNN(input_size=3, hidden_size=5, batch_first=True)(torch.randn(4, 7, 2))
# --8<-- [end:wrong_input_size]


# --8<-- [start:lstm_by_hand]
def lstm_by_hand(x, lstm):
    """x (N, L, I) -> outputs (N, L, H), last h (N, H), last c (N, H)"""
    h = c = torch.zeros(len(x), lstm.hidden_size)
    outputs = []
    for t in range(x.shape[1]):
        gates = x[:, t] @ lstm.weight_ih_l0.T + lstm.bias_ih_l0
        gates = gates + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0  # (N, 4H)
        i, f, g, o = gates.chunk(4, dim=1)  # input, forget, new content, output
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c


torch.manual_seed(0)
lstm = nn.LSTM(input_size=3, hidden_size=5, batch_first=True)
x = torch.randn(2, 7, 3)
output, (h_n, c_n) = lstm(x)
by_hand, h, c = lstm_by_hand(x, lstm)
torch.testing.assert_close(by_hand, output)
torch.testing.assert_close(h, h_n[0])
torch.testing.assert_close(c, c_n[0])
print("output", tuple(output.shape))
print("h_n", tuple(h_n.shape), " c_n", tuple(c_n.shape))
print("weight_hh", tuple(lstm.weight_hh_l0.shape))
# --8<-- [end:lstm_by_hand]

# --8<-- [start:lstm_gates]
torch.manual_seed(0)
lstm = nn.LSTM(1, 1, batch_first=True)
for p in lstm.parameters():
    nn.init.zeros_(p)
x = torch.ones(1, 6, 1)
c0 = h0 = torch.ones(1, 1, 1)
print("input gate shut, forget gate:")
for forget_bias in (-6.0, 0.0, 6.0):
    with torch.no_grad():
        bias = torch.tensor([-20.0, forget_bias, 0, 0])  # i, f, g, o
        lstm.bias_ih_l0.copy_(bias)
    kept = [lstm(x[:, :t], (h0, c0))[1][1].item() for t in (1, 3, 6)]
    share = torch.sigmoid(torch.tensor(forget_bias)).item()
    rounded = [round(v, 3) for v in kept]
    print(f"  sigmoid = {share:.3f}: memory after 1, 3, 6 steps {rounded}")
    assert abs(kept[2] - share**6) < 1e-4
# --8<-- [end:lstm_gates]

# --8<-- [start:lstm_cell]
torch.manual_seed(0)
cell, lstm = nn.LSTMCell(3, 5), nn.LSTM(3, 5, batch_first=True)
state = {f"{name}_l0": value for name, value in cell.state_dict().items()}
lstm.load_state_dict(state)
x = torch.randn(2, 7, 3)
h = c = torch.zeros(2, 5)
for t in range(7):
    h, c = cell(x[:, t], (h, c))
_, (h_n, c_n) = lstm(x)
torch.testing.assert_close((h, c), (h_n[0], c_n[0]))
print("h", tuple(h.shape), " c", tuple(c.shape))
# --8<-- [end:lstm_cell]


# --8<-- [start:gru_by_hand]
def gru_by_hand(x, gru):
    """x (N, L, I) -> outputs (N, L, H)"""
    h = torch.zeros(len(x), gru.hidden_size)
    outputs = []
    for t in range(x.shape[1]):
        from_x = x[:, t] @ gru.weight_ih_l0.T + gru.bias_ih_l0  # (N, 3H)
        from_h = h @ gru.weight_hh_l0.T + gru.bias_hh_l0
        r_x, z_x, n_x = from_x.chunk(3, dim=1)
        r_h, z_h, n_h = from_h.chunk(3, dim=1)
        r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)  # reset, update
        n = torch.tanh(n_x + r * n_h)
        h = (1 - z) * n + z * h
        outputs.append(h)
    return torch.stack(outputs, dim=1)


torch.manual_seed(0)
gru = nn.GRU(input_size=3, hidden_size=5, batch_first=True)
x = torch.randn(2, 7, 3)
output, h_n = gru(x)
torch.testing.assert_close(gru_by_hand(x, gru), output)
print("output", tuple(output.shape), " h_n", tuple(h_n.shape))
print("weight_hh", tuple(gru.weight_hh_l0.shape))
# --8<-- [end:gru_by_hand]

# --8<-- [start:gru_cell]
torch.manual_seed(0)
cell, gru = nn.GRUCell(3, 5), nn.GRU(3, 5, batch_first=True)
state = {f"{name}_l0": value for name, value in cell.state_dict().items()}
gru.load_state_dict(state)
x, h = torch.randn(2, 7, 3), torch.zeros(2, 5)
for t in range(7):
    h = cell(x[:, t], h)
torch.testing.assert_close(h, gru(x)[1][0])
cells = (cell, nn.RNNCell(3, 5), nn.LSTMCell(3, 5))
print([type(c).__name__ for c in cells if isinstance(c, nn.RNNCellBase)])
# --8<-- [end:gru_cell]

# --8<-- [start:gradient_over_time]
torch.manual_seed(0)
kinds = (nn.RNN, nn.GRU, nn.LSTM)
layers = {kind.__name__: kind(4, 32, batch_first=True) for kind in kinds}
for bias in (1.0, 3.0):  # open the forget gate: the second quarter of the bias
    layers[f"LSTM, forget bias {bias:.0f}"] = lstm = nn.LSTM(4, 32, batch_first=True)
    with torch.no_grad():
        lstm.bias_ih_l0[32:64], lstm.bias_hh_l0[32:64] = bias, 0.0

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
colors = ["#2f6fdb", "#2a9d8f", "#9b5de5", "#7a8599", "#e4572e"]
for (name, model), color in zip(layers.items(), colors, strict=True):
    x = torch.randn(64, 50, 4, requires_grad=True)
    model(x)[0][:, -1].sum().backward()
    size = x.grad.norm(dim=(0, 2))  # (50,): one number for each step
    ax.semilogy(size, color=color, label=name)
    power = torch.log10(size[0] / size[-1])
    print(f"{name:20} first step / last step: 10^{power.round().long()}")
    low, high = {"1": (-4.5, -3.0), "3": (-1.0, 0.6)}.get(name[-1], (-13, -9))
    assert low < power < high
ax.set(xlabel="step of the input", ylabel="gradient of the last output")
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()
# --8<-- [end:gradient_over_time]

# --8<-- [start:num_layers]
torch.manual_seed(0)
x = torch.randn(4, 7, 3)
stacked = nn.GRU(3, 5, num_layers=2, batch_first=True)
output, h_n = stacked(x)
print("output", tuple(output.shape), " h_n", tuple(h_n.shape))

first, second = nn.GRU(3, 5, batch_first=True), nn.GRU(5, 5, batch_first=True)
state = stacked.state_dict()
first.load_state_dict({k: v for k, v in state.items() if k.endswith("l0")})
upper = {k.replace("l1", "l0"): v for k, v in state.items() if k.endswith("l1")}
second.load_state_dict(upper)
middle, h_first = first(x)
last, h_second = second(middle)
torch.testing.assert_close(last, output)
torch.testing.assert_close(torch.cat([h_first, h_second]), h_n)
# --8<-- [end:num_layers]

# --8<-- [start:bidirectional]
torch.manual_seed(0)
both = nn.GRU(3, 5, bidirectional=True, batch_first=True)
x = torch.randn(4, 7, 3)
output, h_n = both(x)
forward, backward = output.chunk(2, dim=2)  # (4, 7, 5) each
assert torch.equal(forward[:, -1], h_n[0])  # forward ends at the last step
assert torch.equal(backward[:, 0], h_n[1])  # backward ends at the first
print("output", tuple(output.shape), " h_n", tuple(h_n.shape))
print(*[name for name, _ in both.named_parameters()][4:], sep="\n")
# --8<-- [end:bidirectional]

# --8<-- [start:dropout_between_layers]
torch.manual_seed(0)
gru = nn.GRU(3, 64, num_layers=2, dropout=0.5, batch_first=True)
x = torch.randn(4, 7, 3)
for training in (True, False):
    gru.train(training)
    (a, h_a), (b, h_b) = gru(x), gru(x)
    same = [torch.equal(h_a[i], h_b[i]) for i in (0, 1)]
    print(f"{training=!s:5} layer 1 the same: {same[0]!s:5}", end="  ")
    print(f"layer 2 the same: {same[1]!s:5} zeros: {(a == 0).sum()}")
# --8<-- [end:dropout_between_layers]

# --8<-- [start:carry_the_state]
torch.manual_seed(0)
lstm = nn.LSTM(3, 5, batch_first=True)
x = torch.randn(2, 12, 3)
whole, _ = lstm(x)

state, parts = None, []
for part in x.split(4, dim=1):  # three pieces of 4 steps
    output, state = lstm(part, state)
    parts.append(output)
torch.testing.assert_close(torch.cat(parts, dim=1), whole)
forgetful = torch.cat([lstm(part)[0] for part in x.split(4, dim=1)], dim=1)
same = (forgetful - whole).abs().amax(dim=(0, 2)) < 1e-6
print("without the state, equal at steps:", same.nonzero().flatten().tolist())
# --8<-- [end:carry_the_state]

# --8<-- [start:proj_size]
torch.manual_seed(0)
for proj_size in (0, 8):
    lstm = nn.LSTM(16, 64, proj_size=proj_size, batch_first=True)
    output, (h_n, c_n) = lstm(torch.randn(2, 7, 16))
    shapes = [tuple(t.shape) for t in (output, h_n, c_n)]
    n_parameters = sum(p.numel() for p in lstm.parameters())
    told = "output {}, h_n {}, c_n {}".format(*shapes)
    print(f"{proj_size=}: {told}, {n_parameters} parameters")
# --8<-- [end:proj_size]

# --8<-- [start:rnn_parameters]
import pandas as pd


def count(module):
    return sum(p.numel() for p in module.parameters())


torch.manual_seed(0)
rows = {}
for layer, gates in [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)]:
    for layers, bidirectional in [(1, False), (2, False), (2, True)]:
        directions = 1 + bidirectional
        model = layer(10, 20, num_layers=layers, bidirectional=bidirectional)
        assert isinstance(model, nn.RNNBase)
        formula = 0
        for index in range(layers):
            inputs = 10 if index == 0 else 20 * directions
            formula += directions * gates * 20 * (inputs + 20 + 2)
        assert count(model) == formula
        rows.setdefault(layer.__name__, []).append(count(model))
columns = ["1 layer", "2 layers", "2 layers, both directions"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:rnn_parameters]

# --8<-- [start:rnn_base]
torch.manual_seed(0)
base = nn.RNNBase("GRU", input_size=10, hidden_size=20, num_layers=2)
print(base, base.mode)
for layer, weights in enumerate(base.all_weights):
    print("layer", layer, [tuple(w.shape) for w in weights])
base.flatten_parameters()  # one piece of memory for cuDNN; on a CPU nothing happens
# --8<-- [end:rnn_base]

# --8<-- [start:pad_sequence]
from torch.nn.utils import rnn as rnn_utils

sequences = [
    torch.tensor([11, 12]),
    torch.tensor([21, 22, 23, 24]),
    torch.tensor([31, 32, 33]),
]
lengths = torch.tensor([len(s) for s in sequences])
padded = rnn_utils.pad_sequence(sequences, batch_first=True)  # (3, 4)
mask = torch.arange(4) < lengths[:, None]  # (3, 4): True where there is data
print(padded)
print(mask.int())
left = rnn_utils.pad_sequence(
    sequences, batch_first=True, padding_value=-1, padding_side="left"
)
print(left)
unpadded = rnn_utils.unpad_sequence(padded, lengths, batch_first=True)
assert all(torch.equal(a, b) for a, b in zip(sequences, unpadded, strict=True))
# --8<-- [end:pad_sequence]

# --8<-- [start:pack_sequence]
packed = rnn_utils.pack_sequence(sequences, enforce_sorted=False)
assert isinstance(packed, rnn_utils.PackedSequence)
print("data          ", packed.data.tolist())
print("batch_sizes   ", packed.batch_sizes.tolist())
print("sorted_indices", packed.sorted_indices.tolist())
unpacked = rnn_utils.unpack_sequence(packed)
assert all(torch.equal(a, b) for a, b in zip(sequences, unpacked, strict=True))

order = packed.sorted_indices
assert torch.equal(rnn_utils.invert_permutation(order), packed.unsorted_indices)
assert torch.equal(lengths[order][packed.unsorted_indices], lengths)
# --8<-- [end:pack_sequence]

# --8<-- [start:draw_packed]
colors = ["#2f6fdb", "#e4572e", "#2a9d8f"]
fig, ax = plt.subplots(figsize=(8, 2.6))
for place, row in enumerate(order.tolist()):
    for t, value in enumerate(sequences[row].tolist()):
        start = sum(packed.batch_sizes.tolist()[:t]) + place  # place in data
        for x, y in [(t, place), (6 + start, 1)]:
            look = {"fc": colors[row], "ec": "#7a8599", "alpha": 0.5}
            ax.add_patch(plt.Rectangle((x, y), 1, 1, **look))
            ax.text(x + 0.5, y + 0.5, value, ha="center", va="center")
        assert packed.data[start] == value
edge = 6
for t, size in enumerate(packed.batch_sizes.tolist()):
    ax.text(t + 0.5, 3.2, size, ha="center", va="top")
    ax.plot([edge + 0.1, edge + size - 0.1], [2.2, 2.2], color="#7a8599")
    ax.text(edge + size / 2, 2.4, f"t={t}", ha="center", va="top")
    edge += size
ax.text(-0.2, 3.2, "batch_sizes", ha="right", va="top")
ax.text(10.5, 0.6, "data", ha="center")
arrow(ax, (4.3, 1.5), (5.7, 1.5))
ax.set(xlim=(-2.5, 15.2), ylim=(3.8, -0.2), aspect="equal")
ax.axis("off")
plt.show()
# --8<-- [end:draw_packed]

# --8<-- [start:pack_padded_sequence]
torch.manual_seed(0)
gru = nn.GRU(3, 5, batch_first=True)
x = torch.randn(3, 4, 3)  # padded; lengths 2, 4, 3
packed = rnn_utils.pack_padded_sequence(
    x, lengths, batch_first=True, enforce_sorted=False
)
output, h_n = gru(packed)
padded, lengths_back = rnn_utils.pad_packed_sequence(output, batch_first=True)
assert torch.equal(lengths_back, lengths)

alone = torch.stack([gru(x[i, :n])[1][0] for i, n in enumerate(lengths.tolist())])
torch.testing.assert_close(h_n[0], alone)
naive = gru(x)[1][0]
print("padded output", tuple(padded.shape))
print("zeros after the end:", bool((padded[0, 2:] == 0).all()))
print("right without packing:", torch.isclose(naive, alone).all(dim=1).tolist())
# --8<-- [end:pack_padded_sequence]

# --8<-- [start:unsorted_lengths]
rnn_utils.pack_padded_sequence(torch.zeros(3, 4, 1), lengths, batch_first=True)
# --8<-- [end:unsorted_lengths]


# --8<-- [start:sequence_classifier]
class Classifier(nn.Module):
    """Token numbers (N, L) and lengths (N,) -> logits (N, classes)."""

    def __init__(self, tokens=50, size=16, classes=3):
        super().__init__()
        self.embed = nn.Embedding(tokens, size, padding_idx=0)
        self.lstm = nn.LSTM(size, size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * size, classes)

    def forward(self, x, lengths):
        h = self.embed(x)  # (N, L, E)
        packed = rnn_utils.pack_padded_sequence(
            h, lengths, batch_first=True, enforce_sorted=False
        )
        _, (h_n, _) = self.lstm(packed)  # (2, N, H): both directions
        return self.head(torch.cat([h_n[0], h_n[1]], dim=1))


torch.manual_seed(0)
net = Classifier()
logits = net(rnn_utils.pad_sequence(sequences, batch_first=True), lengths)
alone = [net(s[None], torch.tensor([len(s)])) for s in sequences]
torch.testing.assert_close(logits, torch.cat(alone))
print(tuple(logits.shape))
# --8<-- [end:sequence_classifier]

# --8<-- [start:attention_by_hand]
import math

import torch.nn.functional as F


def attention_by_hand(query, key, value):
    """query (..., L, E), key (..., S, E), value (..., S, V).

    Returns the output (..., L, V) and the weights (..., L, S).
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (..., L, S)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


torch.manual_seed(0)
query = torch.randn(2, 3, 4, 8)  # (N, heads, L, E)
key, value = torch.randn(2, 3, 6, 8), torch.randn(2, 3, 6, 10)  # (N, heads, S, ...)
out, weights = attention_by_hand(query, key, value)
torch.testing.assert_close(out, F.scaled_dot_product_attention(query, key, value))
total = weights[0, 0, 0].sum().item()
print("weights", tuple(weights.shape), " each row sums to", round(total, 4))
print("output ", tuple(out.shape))
# --8<-- [end:attention_by_hand]

# --8<-- [start:attention_looks_up]
keys = torch.eye(3)[None]  # three keys, at right angles
values = torch.tensor([[10.0], [20.0], [60.0]])[None]
query = torch.tensor([[[0.0, 1, 0], [1, 1, 0], [0, 0, 0]]])
for sharpness in (1, 10, 100):
    out = F.scaled_dot_product_attention(sharpness * query, keys, values)
    print(f"query x {sharpness:3}:", [f"{v:.2f}" for v in out.flatten().tolist()])
torch.testing.assert_close(out.flatten(), torch.tensor([20.0, 15.0, 30.0]))
# --8<-- [end:attention_looks_up]

# --8<-- [start:why_sqrt]
torch.manual_seed(0)
rows = {}
for size in (4, 64, 1024):
    q, k = torch.randn(500, 1, size), torch.randn(500, 20, size)
    raw = (q @ k.mT)[:, 0]  # (500, 20)
    both = {"q k": raw, "q k / sqrt(E)": raw / math.sqrt(size)}
    for name, scores in both.items():
        largest = torch.softmax(scores, dim=1).amax(dim=1).mean().item()
        rows[f"E = {size}, {name}"] = [scores.std().item(), largest]
    assert abs(largest - 0.2) < 0.05  # with the root, for every size
assert rows["E = 1024, q k"][1] > 0.95
columns = ["std of scores", "mean largest weight"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(2)
# --8<-- [end:why_sqrt]

# --8<-- [start:draw_masks]
lengths = torch.tensor([6, 4])
causal = torch.ones(6, 6, dtype=torch.bool).tril()  # query i sees keys 0..i
keys = torch.arange(6) < lengths[1]  # (6,): four tokens, then padding
masks = {"causal": causal, "padding": keys.expand(6, 6), "both": causal & keys}
masks["window of 3"] = causal & ~causal.tril(diagonal=-3)

fig, axes = plt.subplots(1, 4, figsize=(8, 2.5), layout="constrained")
for ax, (name, mask) in zip(axes, masks.items(), strict=True):
    for row in range(6):
        for column in range(6):
            color = "#2f6fdb" if mask[row, column] else "none"
            look = {"fc": color, "ec": "#7a8599", "alpha": 0.6}
            ax.add_patch(plt.Rectangle((column, row), 1, 1, **look))
    ax.set(xlim=(0, 6), ylim=(6, 0), aspect="equal", title=name)
    ax.set(xlabel="key", ylabel="query", xticks=[], yticks=[])
    print(f"{name:12} {mask.sum()} of 36 pairs")
plt.show()
# --8<-- [end:draw_masks]

# --8<-- [start:attention_masks]
torch.manual_seed(0)
q, k, v = torch.randn(3, 1, 6, 8)  # three tensors (1, 6, 8)
by_mask = F.scaled_dot_product_attention(q, k, v, attn_mask=causal)
by_flag = F.scaled_dot_product_attention(q, k, v, is_causal=True)
as_numbers = torch.zeros(6, 6).masked_fill(~causal, float("-inf"))
by_addition = F.scaled_dot_product_attention(q, k, v, attn_mask=as_numbers)
torch.testing.assert_close(by_mask, by_flag)
torch.testing.assert_close(by_mask, by_addition)

v.requires_grad_()
out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
out[0, 2].sum().backward()  # what does query 2 depend on?
seen = v.grad[0].abs().sum(dim=1).nonzero().flatten()
print("values that query 2 sees:", seen.tolist())
# --8<-- [end:attention_masks]

# --8<-- [start:empty_row]
torch.manual_seed(0)
q, k, v = torch.randn(3, 1, 2, 4)
nobody = torch.tensor([[True, True], [False, False]])  # query 1 may see no key
by_function = F.scaled_dot_product_attention(q, k, v, attn_mask=nobody)
attention = nn.MultiheadAttention(4, num_heads=1, batch_first=True)
by_layer, _ = attention(q, k, v, attn_mask=~nobody)
print("F.scaled_dot_product_attention:", by_function[0, 1].tolist())
print("nn.MultiheadAttention:         ", by_layer[0, 1].tolist())
assert (by_function[0, 1] == 0).all() and by_layer[0, 1].isnan().all()
nothing = torch.softmax(torch.full((2,), -torch.inf), dim=0)
print("softmax of nothing:            ", nothing.tolist())
# --8<-- [end:empty_row]

# --8<-- [start:attention_bias]
torch.manual_seed(0)
distance = (torch.arange(6) - torch.arange(6)[:, None]).abs()  # (6, 6)
q = k = torch.zeros(1, 6, 4)  # nothing to tell the keys apart
for slope in (0.0, 1.0):
    weights = F.scaled_dot_product_attention(
        q, k, torch.eye(6)[None], attn_mask=-slope * distance
    )
    row = " ".join(f"{w:.3f}" for w in weights[0, 2].tolist())
    print(f"slope {slope}: weights of query 2: {row}")
# --8<-- [end:attention_bias]

# --8<-- [start:grouped_query_attention]
torch.manual_seed(0)
query = torch.randn(1, 8, 5, 16)  # 8 heads of queries
key, value = torch.randn(2, 1, 2, 5, 16)  # 2 heads of keys and of values
out = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
repeated = [t.repeat_interleave(4, dim=1) for t in (key, value)]
torch.testing.assert_close(out, F.scaled_dot_product_attention(query, *repeated))
print(tuple(query.shape), "with", tuple(key.shape), "->", tuple(out.shape))
# --8<-- [end:grouped_query_attention]

# --8<-- [start:sdpa_kernel]
from torch.nn.attention import SDPBackend, sdpa_kernel

torch.manual_seed(0)
q, k, v = torch.randn(3, 1, 4, 32, 16)
results = {}
for backend in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION):
    with sdpa_kernel(backend):
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    results[backend.name] = out
torch.testing.assert_close(*results.values())
print("the same result:", list(results))
# --8<-- [end:sdpa_kernel]


# --8<-- [start:multihead_by_hand]
def multihead_by_hand(x, mha):
    """x (N, L, E) -> (N, L, E): project, split into heads, attend, join, project"""
    q, k, v = F.linear(x, mha.in_proj_weight, mha.in_proj_bias).chunk(3, dim=-1)
    heads = (mha.num_heads, -1)
    q, k, v = (t.unflatten(-1, heads).transpose(1, 2) for t in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v)  # (N, heads, L, E / heads)
    return mha.out_proj(out.transpose(1, 2).flatten(-2))


torch.manual_seed(0)
mha = nn.MultiheadAttention(embed_dim=16, num_heads=4, batch_first=True)
x = torch.randn(2, 5, 16)
out, weights = mha(x, x, x)
torch.testing.assert_close(out, multihead_by_hand(x, mha))
print("output", tuple(out.shape), " weights", tuple(weights.shape))
_, each = mha(x, x, x, average_attn_weights=False)
torch.testing.assert_close(each.mean(dim=1), weights)
print("weights of each head", tuple(each.shape))
assert mha(x, x, x, need_weights=False)[1] is None
# --8<-- [end:multihead_by_hand]

# --8<-- [start:multihead_masks]
torch.manual_seed(0)
x = torch.randn(2, 6, 16)
is_padding = torch.arange(6) >= torch.tensor([6, 4])[:, None]  # True = ignore
hidden = ~causal  # (6, 6): True = may not look
out, weights = mha(x, x, x, key_padding_mask=is_padding, attn_mask=hidden)
print((weights[1] > 0).int())
keep = causal & ~is_padding[:, None, :]  # (2, 6, 6): True = may look
qkv = F.linear(x, mha.in_proj_weight, mha.in_proj_bias)  # (2, 6, 48)
q, k, v = qkv.unflatten(-1, (3, 4, 4)).unbind(2)  # (2, 6, 4 heads, 4) each
q, k, v = (t.transpose(1, 2) for t in (q, k, v))  # (2, 4 heads, 6, 4)
heads = F.scaled_dot_product_attention(q, k, v, attn_mask=keep[:, None])
torch.testing.assert_close(out, mha.out_proj(heads.transpose(1, 2).flatten(-2)))
# --8<-- [end:multihead_masks]

# --8<-- [start:cross_attention]
torch.manual_seed(0)
cross = nn.MultiheadAttention(16, 4, kdim=10, vdim=12, batch_first=True)
target = torch.randn(2, 3, 16)
source_keys, source_values = torch.randn(2, 7, 10), torch.randn(2, 7, 12)
out, weights = cross(target, source_keys, source_values)
print("output", tuple(out.shape), " weights", tuple(weights.shape))
assert count(mha) == 4 * 16 * 16 + 4 * 16  # in_proj 3 E E + 3 E, out_proj E E + E
assert count(cross) == 16 * (16 + 10 + 12 + 16) + 4 * 16
print("parameters:", count(mha), "and", count(cross))
# --8<-- [end:cross_attention]

# --8<-- [start:heads_must_divide]
nn.MultiheadAttention(embed_dim=10, num_heads=3)
# --8<-- [end:heads_must_divide]

# --8<-- [start:no_order]
torch.manual_seed(0)
mha = nn.MultiheadAttention(16, 4, batch_first=True)
gru = nn.GRU(16, 16, batch_first=True)
x = torch.randn(1, 5, 16)
order = torch.tensor([3, 0, 4, 1, 2])
layers = {"attention": lambda t: mha(t, t, t)[0], "gru": lambda t: gru(t)[0]}
for name, layer in layers.items():
    same = torch.allclose(layer(x[:, order]), layer(x)[:, order], atol=1e-5)
    print(f"{name}: shuffle then layer = layer then shuffle: {same}")
# --8<-- [end:no_order]


# --8<-- [start:positional_encoding]
class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the position; (N, L, E) -> (N, L, E)."""

    def __init__(self, size, longest=512):
        super().__init__()
        position = torch.arange(longest)[:, None]  # (longest, 1)
        frequency = 10000 ** (-torch.arange(0, size, 2) / size)  # (size / 2,)
        table = torch.empty(longest, size)
        table[:, 0::2] = torch.sin(position * frequency)
        table[:, 1::2] = torch.cos(position * frequency)
        self.register_buffer("table", table, persistent=False)

    def forward(self, x):
        return x + self.table[: x.shape[1]]


table = PositionalEncoding(32).table[:60]  # (60, 32)
similar = table @ table.T
torch.testing.assert_close(similar[10, 17], similar[40, 47])  # both 7 apart
fig, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
axes[0].imshow(table.T.numpy(), aspect="auto", cmap="coolwarm")
axes[0].set(xlabel="position", ylabel="feature")
axes[1].plot(similar[30], color="#2f6fdb")
axes[1].set(xlabel="position", ylabel="product with position 30")
print("length of every code:", [f"{v:.3f}" for v in table.norm(dim=1)[:3].tolist()])
plt.show()
# --8<-- [end:positional_encoding]

# --8<-- [start:encoder_layer_by_hand]
torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(
    d_model=16, nhead=4, dim_feedforward=32, dropout=0.0, batch_first=True
)
x = torch.randn(2, 5, 16)

h = layer.norm1(x + layer.self_attn(x, x, x)[0])  # attend, add, normalise
by_hand = layer.norm2(h + layer.linear2(F.relu(layer.linear1(h))))  # then an MLP
torch.testing.assert_close(layer(x), by_hand)

before = nn.TransformerEncoderLayer(
    16, 4, 32, dropout=0.0, batch_first=True, norm_first=True
)
before.load_state_dict(layer.state_dict())
h = before.norm1(x)
h = x + before.self_attn(h, h, h)[0]
mlp = before.linear2(F.relu(before.linear1(before.norm2(h))))
torch.testing.assert_close(before(x), h + mlp)
for name, out in {"norm after": layer(x), "norm first": before(x)}.items():
    print(f"{name}: std of the features {out.std(dim=-1, correction=0).mean():.3f}")
# --8<-- [end:encoder_layer_by_hand]

# --8<-- [start:transformer_encoder]
torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
encoder = nn.TransformerEncoder(layer, num_layers=3, enable_nested_tensor=False)
first, second = encoder.layers[0].linear1.weight, encoder.layers[1].linear1.weight
print("output", tuple(encoder(torch.randn(2, 5, 16)).shape))
print("layers start equal:", torch.equal(first, second))
print("one tensor:", first is second)
for p in encoder.parameters():
    if p.ndim > 1:
        nn.init.xavier_uniform_(p)
print("after xavier_uniform_:", torch.equal(first, second))
# --8<-- [end:transformer_encoder]

# --8<-- [start:encoder_padding]
torch.manual_seed(0)
encoder = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True),
    num_layers=2,
    enable_nested_tensor=False,
)
x = torch.randn(2, 6, 16)
is_padding = torch.arange(6) >= torch.tensor([6, 4])[:, None]  # True = ignore
out = encoder(x, src_key_padding_mask=is_padding)
torch.testing.assert_close(out[1, :4], encoder(x[1:, :4])[0])  # as if it were alone
real = ~is_padding[..., None]  # (2, 6, 1)
mean = (out * real).sum(dim=1) / real.sum(dim=1)  # (2, 16)
off = (encoder(x)[1, :4] - out[1, :4]).abs().max()
print(f"without the mask: {off:.2f} off")
print("mean over real tokens", tuple(mean.shape))
# --8<-- [end:encoder_padding]

# --8<-- [start:subsequent_mask]
mask = nn.Transformer.generate_square_subsequent_mask(4)
print(mask)
torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
x = torch.randn(1, 4, 16)
whole = layer(x, src_mask=mask, is_causal=True)
for length in (1, 2, 3):  # the past does not change when the future arrives
    part = layer(x[:, :length], src_mask=mask[:length, :length], is_causal=True)
    torch.testing.assert_close(part, whole[:, :length])
# --8<-- [end:subsequent_mask]

# --8<-- [start:decoder_layer]
torch.manual_seed(0)
layer = nn.TransformerDecoderLayer(
    d_model=16, nhead=4, dim_feedforward=32, dropout=0.0, batch_first=True
)
target, memory = torch.randn(2, 5, 16), torch.randn(2, 9, 16)
mask = nn.Transformer.generate_square_subsequent_mask(5)
out = layer(target, memory, tgt_mask=mask)

h = layer.norm1(target + layer.self_attn(target, target, target, attn_mask=mask)[0])
h = layer.norm2(h + layer.multihead_attn(h, memory, memory)[0])  # the source
h = layer.norm3(h + layer.linear2(F.relu(layer.linear1(h))))
torch.testing.assert_close(out, h)
decoder = nn.TransformerDecoder(layer, num_layers=2)
stacked = decoder(target, memory, tgt_mask=mask)
print("layer", tuple(out.shape), " decoder", tuple(stacked.shape))
# --8<-- [end:decoder_layer]

# --8<-- [start:transformer]
torch.manual_seed(0)
model = nn.Transformer(
    d_model=16,
    nhead=4,
    num_encoder_layers=2,
    num_decoder_layers=2,
    dim_feedforward=32,
    batch_first=True,
).eval()
source, target = torch.randn(2, 9, 16), torch.randn(2, 5, 16)
mask = model.generate_square_subsequent_mask(5)
out = model(source, target, tgt_mask=mask, tgt_is_causal=True)
in_two_steps = model.decoder(target, model.encoder(source), tgt_mask=mask)
torch.testing.assert_close(out, in_two_steps)
print(tuple(source.shape), tuple(target.shape), "->", tuple(out.shape))
inside = any(isinstance(m, nn.Embedding) for m in model.modules())
print("embeddings inside:", inside)
# --8<-- [end:transformer]


# --8<-- [start:transformer_parameters]
def transformer_parameters(E, F, encoders, decoders):
    attention = 4 * E * E + 4 * E
    feedforward = 2 * E * F + F + E
    norm = 2 * E
    encoder = encoders * (attention + feedforward + 2 * norm) + norm
    decoder = decoders * (2 * attention + feedforward + 3 * norm) + norm
    return encoder + decoder


assert count(model) == transformer_parameters(16, 32, 2, 2)
torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(64, 8, 128)
assert count(layer) == 4 * 64 * 65 + 2 * 64 * 128 + 192 + 256
with torch.device("meta"):  # shapes only: no memory, no random numbers
    base = nn.Transformer(batch_first=True)  # 512, 8 heads, 6 + 6 layers, 2048
assert count(base) == transformer_parameters(512, 2048, 6, 6)
print(f"small: {count(model):,}  base: {count(base):,}")
# --8<-- [end:transformer_parameters]


# --8<-- [start:sequence_to_sequence]
class Translator(nn.Module):
    """Source (N, S), target so far (N, T) -> logits (N, T, tokens). 0: padding."""

    def __init__(self, tokens=20, size=16):
        super().__init__()
        self.embed = nn.Embedding(tokens, size, padding_idx=0)
        self.place = PositionalEncoding(size)
        self.transformer = nn.Transformer(
            size, 4, 2, 2, 32, dropout=0.0, batch_first=True
        )
        self.head = nn.Linear(size, tokens)

    def forward(self, source, target):
        T = target.shape[1]
        hidden = torch.ones(T, T, dtype=torch.bool).triu(diagonal=1)
        h = self.transformer(
            self.place(self.embed(source)),
            self.place(self.embed(target)),
            tgt_mask=hidden,  # True = may not look, like the padding masks
            src_key_padding_mask=source == 0,
            memory_key_padding_mask=source == 0,  # the decoder looks there too
        )
        return self.head(h)


torch.manual_seed(0)
net = Translator()
source = torch.tensor([[5, 6, 7, 0, 0]])
target = torch.tensor([[1, 2, 3, 4]])
logits = net(source, target)
print(tuple(logits.shape))
# padding changes nothing, nor does the future
torch.testing.assert_close(net(source[:, :3], target), logits)
torch.testing.assert_close(net(source, target[:, :2]), logits[:, :2])
# --8<-- [end:sequence_to_sequence]


# --8<-- [start:reverse_model]
class Reverse(nn.Module):
    """Each output place says which token stands there in the reversed sequence."""

    def __init__(self, tokens=10, length=8, size=32):
        super().__init__()
        self.embed = nn.Embedding(tokens, size)
        self.place = nn.Parameter(0.5 * torch.randn(length, size))
        self.attend = nn.MultiheadAttention(size, num_heads=1, batch_first=True)
        self.head = nn.Linear(size, tokens)

    def forward(self, x):  # (N, L) -> logits (N, L, tokens), weights (N, L, L)
        h = self.embed(x) + self.place
        out, weights = self.attend(h, h, h)
        return self.head(out), weights


torch.manual_seed(0)
model = Reverse()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(200):
    x = torch.randint(10, (64, 8))
    optimizer.zero_grad()
    logits, _ = model(x)
    loss = F.cross_entropy(logits.flatten(0, 1), x.flip(1).flatten())
    loss.backward()
    optimizer.step()
x = torch.randint(10, (500, 8))
with torch.inference_mode():
    logits, weights = model(x)
right = (logits.argmax(-1) == x.flip(1)).float().mean().item()
assert right > 0.99
print("tokens ", x[0].tolist())
print("answer ", logits[0].argmax(-1).tolist())
print(f"right: {right:.1f}")
# --8<-- [end:reverse_model]

# --8<-- [start:draw_attention]
mean = weights.mean(dim=0)  # (8, 8)
assert mean.argmax(dim=1).tolist() == [7, 6, 5, 4, 3, 2, 1, 0]
fig, ax = plt.subplots(figsize=(3.6, 3.2), layout="constrained")
picture = ax.imshow(mean.numpy(), cmap="viridis", vmin=0, vmax=1)
ax.set(xlabel="looks at place (key)", ylabel="place of the output (query)")
fig.colorbar(picture, label="mean weight")
assert mean.fliplr().diag().min() > 0.5
print("looks most at place", mean.argmax(dim=1).tolist())
plt.show()
# --8<-- [end:draw_attention]

# --8<-- [start:solution_truncated]
torch.manual_seed(0)
gru = nn.GRU(1, 8, batch_first=True)
x = torch.randn(1, 40, 1, requires_grad=True)
for detach in (False, True):
    x.grad, state = None, None
    for part in x.split(10, dim=1):
        if detach and state is not None:
            state = state.detach()
        output, state = gru(part, state)
    output[:, -1].sum().backward()
    reached = x.grad.flatten().nonzero().flatten()
    print(f"{detach=!s:5} the gradient reaches back to step {reached.min().item()}")
    assert reached.min() == (30 if detach else 0)
# --8<-- [end:solution_truncated]

# --8<-- [start:solution_last_output]
torch.manual_seed(0)
lstm = nn.LSTM(3, 5, batch_first=True)
x, lengths = torch.randn(4, 6, 3), torch.tensor([6, 2, 4, 1])
output, _ = lstm(x)  # no packing
last = output[torch.arange(4), lengths - 1]  # (4, 5)
also = output.take_along_dim((lengths - 1)[:, None, None], dim=1)[:, 0]
packed = rnn_utils.pack_padded_sequence(
    x, lengths, batch_first=True, enforce_sorted=False
)
_, (h_n, _) = lstm(packed)
torch.testing.assert_close(last, h_n[0])
assert torch.equal(last, also)
print(tuple(last.shape))
# --8<-- [end:solution_last_output]

# --8<-- [start:solution_backward_by_hand]
torch.manual_seed(0)
both = nn.GRU(3, 5, bidirectional=True, batch_first=True)
one = nn.GRU(3, 5, batch_first=True)
x = torch.randn(2, 7, 3)
halves = []
for suffix, turn in [("_l0", False), ("_l0_reverse", True)]:
    names = {name: name.removesuffix("_l0") + suffix for name in one.state_dict()}
    state = {name: both.state_dict()[other] for name, other in names.items()}
    one.load_state_dict(state)
    halves.append(one(x.flip(1))[0].flip(1) if turn else one(x)[0])
torch.testing.assert_close(torch.cat(halves, dim=2), both(x)[0])
print(tuple(torch.cat(halves, dim=2).shape))
# --8<-- [end:solution_backward_by_hand]

# --8<-- [start:solution_cache]
torch.manual_seed(0)
q, k, v = torch.randn(3, 1, 2, 10, 8)  # (N, heads, L, E) each
whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
keys, values = k[:, :, :0], v[:, :, :0]  # an empty cache
for t in range(10):
    keys = torch.cat([keys, k[:, :, t : t + 1]], dim=2)
    values = torch.cat([values, v[:, :, t : t + 1]], dim=2)
    step = F.scaled_dot_product_attention(q[:, :, t : t + 1], keys, values)
    torch.testing.assert_close(step, whole[:, :, t : t + 1])
print("cache at the end:", tuple(keys.shape))
wrong = F.scaled_dot_product_attention(q[:, :, 9:], keys, values, is_causal=True)
print("is_causal=True on the last step:", torch.allclose(wrong, whole[:, :, 9:]))
# --8<-- [end:solution_cache]


# --8<-- [start:solution_rotary]
def rotate(x):
    """Turns the pair (x[2i], x[2i + 1]) at position t by t * 10000 ** (-2i / E)."""
    L, E = x.shape[-2:]  # x (..., L, E)
    frequency = 10000 ** (-torch.arange(0, E, 2) / E)  # (E / 2,)
    angle = torch.arange(L)[:, None] * frequency  # (L, E / 2)
    turn = torch.polar(torch.ones_like(angle), angle)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2)


torch.manual_seed(0)
q, k = torch.randn(2, 1, 16)  # one query, one key, put at every position
scores = rotate(q.expand(20, 16)) @ rotate(k.expand(20, 16)).mT  # (20, 20)
for distance in (0, 3, 7):
    along = scores.diagonal(distance)
    first, last = along[0], along[-1]
    print(f"distance {distance}: {first:.3f} at the start, {last:.3f} at the end")
    same = first.expand_as(along)
    torch.testing.assert_close(along, same, rtol=1e-3, atol=1e-4)
# --8<-- [end:solution_rotary]
