"""snippets/toolkit/summary.py: the rows add up for any net, and the table leaves the net as it was."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.summary import LayerRow, layer_rows, layer_table, shapes


class Own(nn.Module):
    """Parameters of its own beside children."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(7))
        self.unused = nn.ParameterList([torch.ones(2), torch.ones(3)])
        self.head = nn.Sequential(nn.Linear(7, 3), nn.BatchNorm1d(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x * self.scale)


class Tied(nn.Module):
    """One weight in two modules, one module under two names, one that is called three times."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.logits = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
        self.logits.weight = self.words.weight
        self.turn = self.again = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(self.turn(self.turn(self.again(self.words(x)))))


class Several(nn.Module):
    """Two inputs, a nest out."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(2, 3), nn.GRU(4, 3)

    def forward(self, x: torch.Tensor, *, more: torch.Tensor) -> dict[str, object]:
        return {"logits": self.left(x), "states": self.right(more)}


class Frozen(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
        self[0].requires_grad_(False)


def normed() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), parametrizations.spectral_norm(nn.Linear(4, 4)))


def run(make: Callable[[], nn.Module], *given: torch.Tensor, **named: torch.Tensor) -> Callable[[], tuple]:
    def both() -> tuple[nn.Module, Callable[[], object]]:
        torch.manual_seed(0)
        net = make()
        return net, lambda: net(*given, **named)

    return both


F = torch.ones(2, 5, 8)  # (N, T, features)
NETS = {
    "linear": run(lambda: nn.Linear(3, 2), torch.ones(4, 3)),
    "no bias": run(lambda: nn.Linear(3, 2, bias=False), torch.ones(4, 3)),
    "bilinear": run(lambda: nn.Bilinear(3, 2, 4), torch.ones(4, 3), torch.ones(4, 2)),
    "mlp": run(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 1)), torch.ones(4, 3)),
    "empty": run(lambda: nn.Sequential(), torch.ones(4, 3)),
    "nested": run(
        lambda: nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(3, 3))), nn.Identity()), torch.ones(4, 3)
    ),
    "own": run(Own, torch.ones(4, 7)),
    "tied": run(Tied, torch.ones(2, 3, dtype=torch.long)),
    "several": run(Several, torch.ones(4, 2), more=torch.ones(5, 2, 4)),
    "frozen": run(Frozen, torch.ones(3, 4)),
    "normed": run(normed, torch.ones(4, 3)),
    "conv1d": run(lambda: nn.Conv1d(2, 3, 3), torch.ones(1, 2, 9)),
    "cnn": run(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
        ),
        torch.ones(2, 1, 8, 8),
    ),
    "transposed": run(lambda: nn.ConvTranspose2d(2, 3, 2), torch.ones(1, 2, 4, 4)),
    "conv3d": run(lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2)), torch.ones(1, 1, 4, 4, 4)),
    "groups": run(lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.GroupNorm(2, 4)), torch.ones(1, 4, 5, 5)),
    "embedding": run(lambda: nn.Embedding(10, 3), torch.ones(2, 4, dtype=torch.long)),
    "bag": run(lambda: nn.EmbeddingBag(10, 3), torch.ones(2, 4, dtype=torch.long)),
    "rnn": run(lambda: nn.RNN(8, 3, 2, bidirectional=True, batch_first=True), F),
    "lstm": run(lambda: nn.LSTM(8, 4, 2, batch_first=True), F),
    "projected": run(lambda: nn.LSTM(8, 4, proj_size=2, batch_first=True), F),
    "gru": run(lambda: nn.GRU(8, 4), F),
    "cell": run(lambda: nn.LSTMCell(8, 4), torch.ones(3, 8)),
    "attention": run(lambda: nn.MultiheadAttention(8, 2, batch_first=True), F, F, F),
    "other widths": run(
        lambda: nn.MultiheadAttention(8, 2, kdim=3, vdim=5, batch_first=True), F, F[..., :3], F[..., :5]
    ),
    "encoder layer": run(lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), F),
    "encoder": run(lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), F),
    "decoder layer": run(lambda: nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), F, F),
    "transformer": run(lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), F, F),
    "adaptive": run(
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2),
        torch.ones(4, 8),
        torch.ones(4, dtype=torch.long),
    ),
    "lists": run(lambda: Lists(), torch.ones(2, 3)),
    "float64": run(lambda: nn.Linear(3, 2, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)),
    "lazy": run(
        lambda: nn.Sequential(nn.LazyConv2d(3, 2), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)),
        torch.ones(1, 2, 4, 4),
    ),
}


class Lists(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])
        self.named = nn.ModuleDict({"a": nn.LayerNorm(3)})
        self.free = nn.ParameterDict({"b": torch.ones(3)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in self.steps:
            x = self.named["a"](step(x)) * self.free["b"]
        return x


def by_name(rows: list[LayerRow]) -> dict[str, LayerRow]:
    return {row.name: row for row in rows[1:]}


def printed(text: str) -> list[tuple[str, int]]:
    """Name and parameters of each line below the head."""
    head, *lines = text.splitlines()[:-1]
    place = head.split().index("parameters") - len(head.split())
    return [(line.split()[0], int(line.split()[place].replace(",", ""))) for line in lines]


def test_there_are_thirty_nets() -> None:
    assert len(NETS) >= 30


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", NETS)
def test_rows_add_up_to_the_net(name: str) -> None:
    net, forward = NETS[name]()
    net.train()
    inner = next(net.children(), net).eval()  # one that is frozen on purpose
    modes = [module.training for module in net.modules()]
    buffers = {} if name == "lazy" else {k: b.clone() for k, b in net.named_buffers()}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    whole, *rows = layer_rows(net, forward, flops=True)
    own = list(net.parameters())
    assert sum(row.parameters for row in rows) == whole.parameters == sum(p.numel() for p in own)
    assert sum(row.trainable for row in rows) == whole.trainable == sum(p.numel() for p in own if p.requires_grad)
    assert sum(row.parameter_bytes for row in rows) == whole.parameter_bytes == sum(p.nbytes for p in own)
    assert sum(row.flops for row in rows) == whole.flops
    # every module that owns parameters, or has no children, and no other but one that computes by itself
    expected = [n for n, m in net.named_modules() if m._parameters or not m._modules]
    assert [row.name for row in rows if row.name in expected or not row.flops] == expected
    # all is as it was
    assert [module.training for module in net.modules()] == modes and not inner.training
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())
    for key, value in buffers.items():
        assert torch.equal(net.get_buffer(key), value)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(p.grad is None for p in own)
    # and the printed table says the same
    table = printed(layer_table(net, forward))
    assert table[-1] == ("all", whole.parameters)
    assert sum(count for _, count in table) == 2 * whole.parameters


def test_a_row_that_is_left_out_is_noticed() -> None:
    """The faults of the table before: modules without children only."""
    net, forward = NETS["own"]()
    rows = by_name(layer_rows(net, forward))
    without = [row for name, row in rows.items() if not dict(net.named_modules())[name]._modules]
    assert sum(row.parameters for row in without) != sum(p.numel() for p in net.parameters())


def test_recurrent_nets_and_attention_have_right_rows() -> None:
    net, forward = NETS["lstm"]()
    (row,) = layer_rows(net, forward, flops=True)[1:]
    assert (row.input, row.output) == ("(2, 5, 8)", "(2, 5, 4), ((2, 2, 4), (2, 2, 4))")
    assert row.flops == 2 * 2 * 5 * (16 * (8 + 4) + 16 * (4 + 4))
    net, forward = NETS["attention"]()
    rows = by_name(layer_rows(net, forward, flops=True))
    assert {name: row.parameters for name, row in rows.items()} == {"": 216, "out_proj": 72}
    assert rows[""].output == "(2, 5, 8), (2, 5, 5)"
    assert rows["out_proj"].calls == 0 and rows["out_proj"].output == "-"
    # in, out: 4 matrices of 8 x 8; scores and their use: 5 x 5 x 8 each; N = 2
    assert rows[""].flops == 2 * 2 * (5 * 4 * 64 + 2 * 25 * 8)
    net, forward = NETS["encoder layer"]()
    rows = by_name(layer_rows(net, forward, flops=True))
    # no weights are asked for: fused attention, of which torch's counter knows nothing on a CPU
    assert rows["self_attn"].flops == 2 * 2 * (5 * 4 * 64 + 2 * 25 * 8)
    assert rows["self_attn"].parameters + rows["self_attn.out_proj"].parameters == 288
    assert all(row.calls == 1 for name, row in rows.items() if name != "self_attn.out_proj"), "the fast path calls none"
    assert rows["norm2"].output == "(2, 5, 8)"


def test_shared_modules_and_weights_count_once_and_are_marked() -> None:
    net, forward = NETS["tied"]()
    rows = by_name(layer_rows(net, forward))
    assert [(r.name, r.kind, r.parameters) for r in rows.values()] == [
        ("words", "Embedding", 36),
        ("logits", "Linear (shared)", 0),
        ("turn", "Linear (3x)", 20),
    ]
    assert rows["turn"].output_bytes == 3 * 2 * 3 * 4 * 4


def test_inputs_and_outputs_are_nests() -> None:
    net, forward = NETS["several"]()
    whole, *rows = layer_rows(net, forward)
    assert whole.input_bytes == 4 * (8 + 40)
    assert by_name([whole, *rows])["right"].output == "(5, 2, 3), (1, 2, 3)"

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, batch: dict[str, object]) -> dict[str, object]:
            return {"a": batch["x"] * self.scale, "b": (batch["y"], None)}

    x = {"x": torch.ones(2, 3), "y": [torch.ones(1)]}
    (row,) = layer_rows(net := Outer(), lambda: net(x))[1:]
    assert (row.input, row.output) == ("{x: (2, 3), y: ((1,))}", "{a: (2, 3), b: (((1,)), None)}")
    assert shapes(None) == "None" and shapes("a") == "str" and shapes(()) == ""


@pytest.mark.parametrize("flops", [True, False])
def test_on_the_meta_device(flops: bool) -> None:
    """A net that would need 4 GB, without any."""
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(30_000, 30_000), nn.ReLU(), nn.LSTM(30_000, 3))
    text = layer_table(net, inputs=torch.ones(2, 30_000), flops=flops)  # its inputs are taken there, too
    assert printed(text)[-1] == ("all", sum(p.numel() for p in net.parameters()))
    assert ("FLOPs" in text) is flops
    assert next(net.parameters()).is_meta


def test_shape_instead_of_inputs() -> None:
    net, _ = NETS["cnn"]()
    assert "(1, 4, 6, 6)" in layer_table(net, input_shape=(1, 8, 8))
    assert "(1, 2)" in layer_table(NETS["float64"]()[0], input_shape=(3,))
    with pytest.raises(TypeError, match=r"run must be a function, got Tensor \(1, 1, 8, 8\): inputs="):
        layer_table(net, torch.ones(1, 1, 8, 8))
    for arguments in ({}, {"run": print, "inputs": torch.ones(1)}, {"inputs": torch.ones(1), "input_shape": (1,)}):
        with pytest.raises(TypeError, match="takes one of run, inputs and input_shape"):
            layer_table(net, **arguments)


def test_a_lazy_net_is_known_after_the_pass() -> None:
    net, forward = NETS["lazy"]()
    kinds = [row.kind for row in layer_rows(net, forward)[1:]]
    assert kinds == ["Conv2d", "BatchNorm2d", "Flatten", "Linear"]
    half = nn.Sequential(nn.Linear(2, 2))
    half.unused = nn.LazyLinear(3)
    whole, *_ = layer_rows(half, lambda: half[0](torch.ones(1, 2)))
    assert whole.parameters == 6


def test_totals_below_the_rows() -> None:
    net, _ = NETS["cnn"]()
    text = layer_table(net, inputs=torch.ones(2, 1, 8, 8))
    assert text.splitlines()[-1] == "buffers 9, 0.000 MB; input 0.001 MB; forward and backward about 0.008 MB"
    outputs = 2 * 4 * (3 * 4 * 36 + 4 * 9 + 36 + 2) * 2  # bytes of a value, values of a sample, samples
    assert outputs / 1e6 == pytest.approx(0.008, abs=5e-4)


def test_an_error_in_the_pass_leaves_all_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    fast, kernel = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        layer_table(net, inputs=torch.ones(1, 3), flops=True)
    assert net.training and net[1].training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled) == (fast, kernel)


def test_a_compiled_net_has_the_rows_of_the_plain_one() -> None:
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    wanted = layer_table(plain, input_shape=(3,))
    assert layer_table(torch.compile(plain, backend="eager"), input_shape=(3,)) == wanted
    part = nn.Sequential(torch.compile(plain[0], backend="eager"), *plain[1:])
    assert layer_table(part, input_shape=(3,)) == wanted
    whole = torch.compile(plain, backend="eager", dynamic=True)  # traced with symbols, hooks would fail
    assert layer_table(whole, lambda: whole(torch.ones(1, 3))) == wanted
    assert layer_table(whole, inputs=torch.ones(1, 3)) == wanted


def test_summary_of_a_model() -> None:
    net, _ = NETS["several"]()

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.several = net

        def forward(self, batch: dict[str, torch.Tensor]) -> object:
            return self.several(batch["x"], more=batch["more"])

    whole = Pair()
    model = KerasModel(whole, nn.MSELoss(), torch.optim.SGD(whole.parameters(), 0.1))
    text = model.summary({"x": torch.ones(4, 2), "more": torch.ones(5, 2, 4)}, flops=True)
    assert printed(text)[-1] == ("all", sum(p.numel() for p in net.parameters()))
    assert "several.right" in text and "FLOPs" in text
