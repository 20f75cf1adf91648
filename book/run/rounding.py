"""Rounding noise: what another processor's kernels may do to the last bit of a result.

``Rounding`` is a dispatch mode. While it is entered, each floating result of an operator that processors may round
differently goes up or down by one unit in the last place, or stays. Which operators those are is a rule, not a list:
all, but those that only look at memory (views), move values, draw what needs no computing, or do one operation that
IEEE 754 rounds correctly on every processor.

The noise is a function of the seed, the kernel and the value: the same call on the same input gives the same result,
two kernels that compute the same quantity do not. A kernel is the operator and, where it adds up in an order of its
own choice (products of matrices, sums), the shapes and strides of its inputs, from which a library chooses the order.
"""

from __future__ import annotations

import contextlib
import functools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

if TYPE_CHECKING:
    from book.run.job import BlockResult

Array: TypeAlias = Any  # numpy's arrays and, of no dimension, its numbers

# Values are moved, chosen, set or converted (a conversion is rounded correctly), none is computed. What has no tensor
# as input and is not here (linspace, windows) is computed.
MOVES = frozenset(
    """
    adaptive_max_pool2d adaptive_max_pool3d amax amin _aminmax aminmax as_strided_scatter block_diag cat
    channel_shuffle _chunk_cat clamp clamp_max clamp_min clone complex conj_physical constant_pad_nd copy _copy_from
    copysign cummax cummin diag_embed diagonal_backward diagonal_scatter embedding empty empty_like empty_permuted
    empty_strided eye fill flip fmax fmin fractional_max_pool2d from_file full full_like gather hardshrink
    hardshrink_backward hardtanh hardtanh_backward heaviside im2col index index_fill index_put index_select kthvalue
    _lazy_clone lift _local_scalar_dense masked_fill masked_scatter masked_scatter_backward masked_select max
    max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d maximum median min minimum mode
    nan_to_num nanmedian native_channel_shuffle new_empty new_empty_strided new_full new_ones new_zeros ones
    ones_like _pack_padded_sequence _pin_memory pixel_shuffle pixel_unshuffle put reflection_pad1d reflection_pad2d
    reflection_pad3d relu repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d resize
    resize_as _resize_output roll rot90 scalar_tensor scatter select_backward select_scatter set slice_backward
    slice_scatter sort _stack stack take threshold threshold_backward _to_copy _to_dense topk tril triu _unique
    _unique2 unique_consecutive unique_dim _unsafe_index _unsafe_masked_index unsafe_split unsafe_split_with_sizes
    _unsafe_view upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d where zero zeros zeros_like
    """.split()
)
# One operation on each element, correctly rounded by IEEE 754, or exact. Not the square root: some vector units round
# it otherwise. Not what computes two operations, such as lerp or addcmul: some processors fuse them.
ROUNDED = frozenset(
    """
    abs add ceil deg2rad div floor floor_divide fmod frac frexp ldexp leaky_relu leaky_relu_backward mul
    native_dropout native_dropout_backward neg nextafter _prelu_kernel rad2deg reciprocal remainder round rsub sgn
    sign softshrink softshrink_backward sub trunc
    """.split()
)
ROUNDED_COMPLEX = frozenset("add neg rsub sub".split())  # a product is four products and two sums
SCALED_SUMS = frozenset("add rsub sub".split())  # with alpha, a product and a sum
ADDING = frozenset("index_put _index_put_impl put scatter _unsafe_index_put".split())  # if told to accumulate or reduce
PER_EXAMPLE = frozenset("mse_loss nll_loss_forward nll_loss2d_forward".split())  # rounded as above unless they reduce
DROPPING = ("attention", "gru", "lstm", "rnn", "softmax")  # tagged as random for their dropout alone
# Draws that compute something from what was drawn: logarithms, or a product and a sum that some processors fuse.
# A uniform draw between 0 and 1 is none of them, nor is one of integers.
COMPUTED_DRAWS = frozenset(
    "cauchy exponential log_normal normal normal_functional randn randn_like _sample_dirichlet _standard_gamma uniform".split()
)

DIGITS = {torch.float64: 53, torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}  # binary, the hidden one included
BITS = {torch.float64: torch.int64, torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}


@dataclass(frozen=True)
class Operator:
    """What the schema and tags of an operator say.

    Attributes:
        name: without its namespace and without the mark of being in place.
        kind: its name without the mark of working on lists, as the tables hold it.
        quiet: its results are never shaken, whatever its arguments.
        composite: it is made of other operators, which can be shaken one by one.
        ordered: it adds up in an order of its own choice.
        written: the names of the arguments that it writes to.
        places: argument -> its position.
    """

    name: str
    kind: str
    quiet: bool
    composite: bool
    ordered: bool
    written: tuple[str, ...]
    places: dict[str, int]

    def argument(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], default: Any = None) -> Any:
        """What a call gives for an argument, by position or by name."""
        place = self.places.get(name, len(args))
        return args[place] if place < len(args) else kwargs.get(name, default)


@functools.cache
def operator(func: Any) -> Operator:
    schema = getattr(func, "_schema", None)
    if schema is None:  # a higher-order operator, such as cond
        return Operator(str(func), str(func), False, False, True, (), {})
    name = schema.name.partition("::")[2]
    name = name if name.endswith("__") else name.rstrip("_")
    kind = name.removeprefix("_foreach_")
    written = tuple(a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write)
    views = not written and all(result.alias_info is not None for result in schema.returns)
    seeded = torch.Tag.nondeterministic_seeded in func.tags
    draws = seeded and kind not in COMPUTED_DRAWS and not any(word in kind for word in DROPPING)
    quiet = kind in MOVES or kind.endswith("_copy") or draws or views or torch.Tag.inplace_view in func.tags
    has = functools.partial(torch._C._dispatch_has_kernel_for_dispatch_key, func.name())
    known = func.namespace != "prim"  # prim::device and the like, which torch.export meets, are not the dispatcher's
    composite = known and has("CompositeImplicitAutograd") and not has("CPU")
    ordered = torch.Tag.pointwise not in func.tags and kind not in ROUNDED and kind == name
    places = {argument.name: place for place, argument in enumerate(schema.arguments)}
    return Operator(name, kind, quiet, composite, ordered, written, places)


def exact(op: Operator, args: Sequence[Any], kwargs: dict[str, Any], results: Sequence[torch.Tensor]) -> bool:
    """Whether this call gives the same bits on every processor."""
    if op.kind in ADDING:
        return not (op.argument("accumulate", args, kwargs) or op.argument("reduce", args, kwargs))
    if op.kind in PER_EXAMPLE:
        return bool(op.argument("reduction", args, kwargs, 1) == 0)
    if op.kind == "uniform":
        return (op.argument("from", args, kwargs, 0), op.argument("to", args, kwargs, 1)) == (0, 1)
    if op.kind == "pow":  # torch computes x**2 as x * x
        exponent = op.argument("exponent", args, kwargs)
        square = not isinstance(exponent, (torch.Tensor, list)) and exponent in (0, 1, 2)
        return square and not any(x.is_complex() for x in results)
    if op.kind in SCALED_SUMS and abs(op.argument("alpha", args, kwargs, 1)) != 1:
        return False
    if op.kind in ROUNDED:
        return op.kind in ROUNDED_COMPLEX or not any(x.is_complex() for x in (*results, *tensors(args)))
    return op.quiet


def tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The tensors among some arguments or results, those in lists included."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors(value)


@functools.cache
def _beyond_short(dtype: torch.dtype) -> tuple[Array, int]:
    """For each exponent, the bits that a short number leaves 0; and how far the exponent stands from the right."""
    digits, size = DIGITS[dtype], dtype.itemsize * 8
    stored = digits - 1  # binary digits of the fraction
    fraction = min(10, digits // 2 - 2)
    count = 1 << (size - 1 - stored)
    masks = np.full(count, (1 << (size - 1)) - 1, dtype=f"i{dtype.itemsize}")  # none but 0 is short
    for place in range(1, count - 1):
        exponent = place - (count // 2 - 1)
        behind = fraction if exponent < digits - 2 - fraction else 0
        if -behind <= exponent < digits - 2:
            masks[place] = (1 << max(0, stored - behind - exponent)) - 1
    masks[-1] = 0  # infinity and nan stay, too
    return masks, stored


def short(bits: Array, dtype: torch.dtype) -> Array:
    """Which numbers are integers or short binary fractions, well below what their type can hold, or not finite.

    They stay as they are: sums and products of such numbers are exact in any order on any processor, as are sin(0),
    exp(0) and the mean of 1 and 2. A result that only happens to be short is rare: one in 4 at the upper end, 2**-14
    of the float32 below 1.
    """
    masks, stored = _beyond_short(dtype)
    return (bits & masks[(bits >> stored) & (len(masks) - 1)]) == 0


def steps(bits: Array, key: int, share: int = 4) -> Array:
    """1 for one number in ``share`` (a power of two), -1 for another one, else 0: from its bits and the key alone."""
    if bits.itemsize == 8:
        bits = bits ^ (bits >> 32)
    mixed = bits.astype(np.uint32)
    mixed *= np.uint32(0x9E3779B1)
    mixed += np.uint32(key)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x85EBCA6B)
    drawn = mixed >> np.uint32(33 - share.bit_length())
    return (drawn == 0).view(np.int8) - (drawn == 1).view(np.int8)


def shake(x: torch.Tensor, key: int) -> None:
    """Move each number of ``x``, in place, one unit in the last place up, down, or not at all.

    One in four goes up, one down. Of 16-bit numbers one in 32: kernels compute them in float32 and round once, so that
    what differs in float32 seldom differs in the end.
    """
    x = x.detach()
    if x.is_complex():
        x = torch.view_as_real(x)
    dtype = x.dtype
    if dtype not in DIGITS or x.numel() == 0:
        return
    bits = x.view(BITS[dtype]).numpy()  # through numpy: autograd's version counter does not see it
    moves = steps(bits, key, 4 if dtype.itemsize > 2 else 32)
    moves *= ~short(bits, dtype)
    bits += moves


def shakable(x: torch.Tensor) -> bool:
    """Whether it is an ordinary tensor of a floating type, whose memory holds its values."""
    plain = type(x).__torch_dispatch__ is torch.Tensor.__torch_dispatch__
    if not plain or x.device.type != "cpu" or x.layout != torch.strided:
        return False
    lazy = x._is_zerotensor() or x.is_conj() or x.is_neg()
    return not lazy and (x.dtype.is_floating_point or x.dtype.is_complex)


class Rounding(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's modes have no types
    """Shakes the results of the operators that run while it is entered, in its thread, backward passes included.

    What torch.compile compiles runs compiled. Of it only the operators that the compiled code calls are shaken, such as
    products of matrices, not the loops that it makes of the others; ``compiled`` tells whether it compiled something.
    """

    supports_higher_order_operators = True
    compiled = False

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seed = seed

    def __enter__(self) -> Self:
        compiled = self.compiled
        super().__enter__()  # type: ignore[no-untyped-call]
        type(self).compiled = compiled  # entering asks too
        return self

    @contextlib.contextmanager
    def around(self, result: BlockResult) -> Iterator[None]:
        """Entered for one block, whose result gets to know whether it had something compiled."""
        type(self).compiled = False
        try:
            with self, self._aside_of_profilers():
                yield
        finally:
            result.compiled = self.compiled

    @contextlib.contextmanager
    def _aside_of_profilers(self) -> Iterator[None]:
        """Step aside while a profiler looks, which would note each operator twice: as it was called, and from here."""
        kind: Any = torch.autograd.profiler.profile
        start, end = kind._start_trace, kind.__exit__
        aside: set[int] = set()

        def start_aside(profiler: Any) -> None:
            if _get_current_dispatch_mode() is self:
                self.__exit__(None, None, None)  # type: ignore[no-untyped-call]
                aside.add(id(profiler))
            start(profiler)

        def end_aside(profiler: Any, *how: Any) -> Any:
            try:
                return end(profiler, *how)
            finally:
                if id(profiler) in aside:
                    aside.remove(id(profiler))
                    self.__enter__()

        kind._start_trace, kind.__exit__ = start_aside, end_aside
        try:
            yield
        finally:
            kind._start_trace, kind.__exit__ = start, end

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch is to keep its compiler off this class, for which it imports the compiler: seconds per page."""
        return False

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Asked by torch.compile for each function that it is to compile."""
        cls.compiled = True
        return True

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        op = operator(func)
        if op.composite and not op.quiet and op.kind not in ROUNDED:
            with self:
                return func.decompose(*args, **kwargs)
        out = func(*args, **kwargs)
        if op.quiet and op.kind not in ADDING:
            return out
        results = [op.argument(name, args, kwargs) for name in op.written] if op.written else [out]
        floats = [x for x in tensors(results) if shakable(x)]
        if floats and not exact(op, args, kwargs, floats):
            key = self._key(op, args)
            for x in floats:
                shake(x, key)
        return out

    def _key(self, op: Operator, args: Sequence[Any]) -> int:
        layouts = [layout(x) for x in tensors(args) if x.layout == torch.strided] if op.ordered else ""
        return zlib.crc32(f"{self.seed} {op.name} {layouts}".encode())


def layout(x: torch.Tensor) -> list[tuple[int, int]]:
    """(length, stride) of each dimension; the stride of a dimension of length 1 means nothing."""
    return [(n, step if n > 1 else 0) for n, step in zip(x.shape, x.stride(), strict=True)]
