"""A simulated accelerator: the device ``sim``, for machines that have none.

``install`` registers a backend of torch that is written in Python. A tensor on ``sim`` is an ordinary ``torch.Tensor``
whose storage says ``sim:0``. Beside that storage lies one of the CPU on the same memory: an operator runs there, and its
results come back as tensors on ``sim``. What CUDA refuses is refused: tensors of two devices in one operator, a generator
of the CPU on the device, use in a forked process, and (by torch itself) ``numpy()``. The device has a generator of its own, so that a seed gives
other numbers there than on the CPU.

What it cannot tell: rounding and missing operators of a real device, its speed, streams and memory, several devices,
process groups, sparse layouts and ``torch.compile`` on it. A block that needs one of these has a ``[[sim]]`` entry in the
ledger.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

import torch
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from book.source import ledger

NAME = ledger.SIMULATED
SHIFT = 0x51A1  # between the seed of the CPU's generator and that of the device
MIXED = "Expected all tensors to be on the same device, but found at least two devices, {} and {}! (argument of {})"
# An index may come from the CPU, as may what is copied.
TAKES_OTHERS = frozenset(
    "_copy_from copy_ index index_put index_put_ _index_put_impl_ _unsafe_index _unsafe_index_put".split()
)
# What torch.tensor calls where no dispatch mode is asked: there torch finds kernels by their name, and no fallback.
INSIDE_TENSOR = ("empty.memory_format", "empty_strided")
# Operators that torch takes apart in a way of its own on each device: run whole on the CPU, with their gradients.
WHOLE = "convolution gru.data gru.input lstm.data lstm.input rnn_relu.data rnn_relu.input rnn_tanh.data rnn_tanh.input"
# What autocast does on CUDA, for the operators that the book's nets use.
HALVED = """
addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_transpose1d conv_transpose2d.input linear lstm_cell matmul
mm mv prelu scaled_dot_product_attention
"""
KEPT_WIDE = """
binary_cross_entropy_with_logits cosine_embedding_loss cosine_similarity cross_entropy_loss cumsum exp group_norm
huber_loss kl_div l1_loss layer_norm log log_softmax.int mse_loss nll_loss norm.Scalar pow.Tensor_Scalar smooth_l1_loss
softmax.int sum
"""
NUMBERS = (int, float, complex)
_SET = torch.ops.aten.set_.source_Storage_storage_offset
CPU = torch.device("cpu")
_torch: Any = torch  # where its own types are too narrow, or missing
_KEYS = _torch._C.DispatchKey
_libraries: list[Any] = []  # what they register lives as long as they do


class Generator:
    """Stands for the device's generator: one of the CPU with another seed for the same number."""

    def __init__(self) -> None:
        self.inner = torch.Generator()

    def seed(self, seed: int) -> None:
        self.inner.manual_seed(int(seed) ^ SHIFT)


class Backend:
    """What torch asks of a device's module, ``torch.sim``."""

    def __init__(self) -> None:
        self.generator = Generator()
        self.made = 0  # tensors, so far
        self.process = os.getpid()

    def own_process(self) -> None:
        """Raise in a process that was forked from the one that uses the device, as CUDA does."""
        if self._is_in_bad_fork():
            raise RuntimeError(
                f"Cannot re-initialize {NAME} in forked subprocess. To use it with multiprocessing, you must use the"
                " 'spawn' start method"
            )

    def is_available(self) -> bool:
        return True

    is_initialized = is_available

    def _is_in_bad_fork(self) -> bool:
        return os.getpid() != self.process

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def set_device(self, device: object) -> None:
        """There is one."""

    def synchronize(self, device: object = None) -> None:
        """Nothing waits: the CPU has computed it."""

    def manual_seed_all(self, seed: int) -> None:
        self.generator.seed(seed)

    manual_seed = manual_seed_all

    def get_rng_state(self, device: object = None) -> torch.Tensor:
        self.own_process()
        return self.generator.inner.get_state()

    def set_rng_state(self, state: torch.Tensor, device: object = None) -> None:
        self.own_process()
        self.generator.inner.set_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


BACKEND = Backend()


@functools.cache
def device() -> torch.device:
    """``sim:0``; known to torch once the backend is installed."""
    return torch.device(NAME, 0)


@functools.cache
def install() -> None:
    """Give this process the accelerator: for good, as torch has no way back."""
    BACKEND.process = os.getpid()
    _setup_privateuseone_for_python_backend(NAME, BACKEND)
    every, aten = _torch.library.Library("_", "IMPL"), _torch.library.Library("aten", "IMPL")
    _libraries.extend([every, aten])
    every.fallback(_run, "PrivateUse1")
    for name in INSIDE_TENSOR:
        aten.impl(name, functools.partial(_run, _named(name)), "PrivateUse1")
    aten.impl("_copy_from", _copy, "PrivateUse1")
    aten.impl("set_.source_Storage", _set_storage, "PrivateUse1")
    aten.impl("set_.source_Storage_storage_offset", functools.partial(_SET._op_dk, _KEYS.CPU), "PrivateUse1")
    for operator in map(_named, WHOLE.split()):
        for key in ("AutogradPrivateUse1", "PrivateUse1"):
            aten.impl(operator.name().removeprefix("aten::"), functools.partial(_whole, operator), key)
    every.fallback(_torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for names, dtype in ((HALVED, None), (KEPT_WIDE, torch.float32)):
        for operator in map(_named, names.split()):
            aten.impl(operator.name().removeprefix("aten::"), _autocast(operator, dtype), "AutocastPrivateUse1")
    _torch.serialization.register_package(1, _location, _restore)
    _torch.accelerator.synchronize = BACKEND.synchronize
    _torch.nn.Module._apply = _keeping_parameters(_torch.nn.Module._apply)
    _torch.Tensor.pin_memory, _torch.Tensor.is_pinned = _pin_memory, _is_pinned
    _torch.UntypedStorage.__new__ = _new_storage
    sys.meta_path.insert(0, _Accelerate())


class _Accelerate(MetaPathFinder):
    """Tells accelerate of the device when it is imported: it knows devices by their names."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != "accelerate.state":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            module.PartialState.default_device = property(lambda state: device())

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _named(name: str) -> Any:
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")


def is_ours(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.device.type == NAME


def values(x: torch.Tensor) -> torch.Tensor:
    """A tensor of the CPU on the same memory."""
    outer: Any = x.untyped_storage()
    storage: Any = getattr(outer, "values", None)
    if storage is None:  # torch lays a tensor of its own on the memory for one call, as pickle does of a storage
        storage = _torch._C._construct_storage_from_data_pointer(outer.data_ptr(), CPU, outer.nbytes())
    return torch.empty(0, dtype=x.dtype, device=CPU).set_(storage, x.storage_offset(), x.size(), x.stride())


def _storage(inner: torch.UntypedStorage) -> torch.UntypedStorage:
    """A storage on the device over a storage of the CPU, which it keeps alive."""
    made: Any = _torch._C._construct_storage_from_data_pointer(inner.data_ptr(), device(), inner.nbytes())
    made.values = inner
    own: torch.UntypedStorage = made
    return own


def _new_storage(kind: type, *args: Any, device: Any = None, **kwargs: Any) -> Any:
    """``torch.UntypedStorage(…)``, as a deep copy calls it: torch itself has no allocator for the device, and crashes."""
    made = _torch._C.StorageBase.__new__(kind, *args, device=CPU if _is_name(device) else device, **kwargs)
    return _storage(made) if _is_name(device) else made


def _is_name(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _on_device(x: torch.Tensor, storage: torch.UntypedStorage | None = None) -> torch.Tensor:
    """A tensor of the CPU as one on the device, in ``storage``, which lies on its memory, or in a new one."""
    BACKEND.own_process()
    inner = x.untyped_storage()
    if storage is None or storage.data_ptr() != inner.data_ptr():
        storage = _storage(inner)
    BACKEND.made += 1
    return _place(torch._C._acc.create_empty_tensor((0,), x.dtype), storage, x)


def _place(x: torch.Tensor, storage: torch.UntypedStorage, like: torch.Tensor) -> torch.Tensor:
    """Put ``x`` into a storage, with the sizes and strides of ``like``; no operator of the device runs."""
    placed: torch.Tensor = _SET._op_dk(_KEYS.CPU, x, storage, like.storage_offset(), like.size(), like.stride())
    return placed


def tensors(given: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The tensors among arguments, those in lists included."""
    for value in given:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors(value)


@dataclass(frozen=True)
class Facts:
    """What the schema and the tags of an operator say, looked up once."""

    name: str
    writes: bool
    draws: bool
    takes_generator: bool
    wants_tensors: tuple[int, ...]  # the places of its arguments that are tensors


@functools.cache
def _facts(operator: Any) -> Facts:
    schema = operator._schema
    draws = torch.Tag.nondeterministic_seeded in operator.tags
    generator = any(argument.name == "generator" for argument in schema.arguments)
    places = tuple(i for i, argument in enumerate(schema.arguments) if str(argument.type) == "Tensor")
    return Facts(schema.name.partition("::")[2], schema.is_mutable, draws, generator, places)


class _Sides:
    """The tensors of one call on both sides: as they are on the device, and as the CPU computes with them."""

    def __init__(self) -> None:
        self.pairs: list[tuple[torch.Tensor, torch.Tensor]] = []  # (on the device, on the CPU)
        self.other: torch.Tensor | None = None  # one of the CPU that is more than a number

    def inner(self, value: Any) -> Any:
        """An argument as the CPU's operator takes it."""
        if isinstance(value, torch.Tensor):
            if value.device.type == NAME:
                self.pairs.append((value, values(value)))
                return self.pairs[-1][1]
            if value.dim():
                self.other = value
        elif type(value) in (list, tuple):
            return type(value)(map(self.inner, value))
        return value

    def outer(self, value: Any) -> Any:
        """A result as the device gives it: what was written to is the tensor that was given, a view is in its storage."""
        if isinstance(value, torch.Tensor):
            if value.device.type != "cpu" or value.layout != torch.strided:
                return value
            base = None
            for ours, inner in self.pairs:
                if inner is value:
                    return ours
                if inner.untyped_storage()._cdata == value.untyped_storage()._cdata:
                    base = ours
            if base is None:
                return _on_device(value)
            with torch.inference_mode(base.is_inference()):  # a view of a tensor that autograd knows is one, too
                return _on_device(value, base.untyped_storage())
        return type(value)(map(self.outer, value)) if type(value) in (list, tuple) else value


def _run(operator: Any, *args: Any, **kwargs: Any) -> Any:
    """The kernel of every operator: refuse what a device refuses, run it on the CPU's side of the same memory."""
    facts, sides = _facts(operator), _Sides()
    args = sides.inner(args)
    kwargs = {key: sides.inner(value) for key, value in kwargs.items() if key != "pin_memory"}
    if sides.other is not None and sides.pairs and facts.name not in TAKES_OTHERS:
        raise RuntimeError(MIXED.format(device(), sides.other.device, facts.name))
    if _is_name(kwargs.get("device")):
        kwargs["device"] = CPU
    if facts.draws:
        _draw_on_device(facts, kwargs)
    if any(isinstance(args[i], NUMBERS) for i in facts.wants_tensors if i < len(args)):
        operator = operator.overloadpacket  # torch made a tensor of a number and hands it over as a number: x % 7
    with torch._C._AutoDispatchBelowAutograd():
        out = operator(*args, **kwargs)
    if facts.writes:
        for ours, inner in sides.pairs:
            _follow(ours, inner)
    return sides.outer(out)


def _follow(x: torch.Tensor, inner: torch.Tensor) -> None:
    """Where an operator gave ``inner`` other sizes, strides or memory (``resize_``, ``out=``), give them to ``x`` too."""
    if x.data_ptr() != inner.data_ptr() or x.size() != inner.size() or x.stride() != inner.stride():
        _place(x, _storage(inner.untyped_storage()), inner)


def _draw_on_device(facts: Facts, kwargs: dict[str, Any]) -> None:
    """Draw from the device's generator; refuse another, as CUDA does."""
    generator = kwargs.get("generator")
    if generator is not None:
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found '{generator.device.type}'")
    if facts.takes_generator:
        kwargs["generator"] = BACKEND.generator.inner


def _copy(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """From, to or on the device."""
    here, there = (values(x) if is_ours(x) else x for x in (source, target))
    there.copy_(here)
    return target


def _set_storage(x: torch.Tensor, storage: Any) -> torch.Tensor:
    inner = storage.untyped() if hasattr(storage, "untyped") else storage
    return _place(x, inner, torch.empty(inner.nbytes() // x.element_size(), dtype=x.dtype, device="meta"))


def _whole(operator: Any, *args: Any, **kwargs: Any) -> Any:
    """Run an operator on the CPU with all that it is made of; moving there and back has its gradients."""
    given = list(tensors((*args, *kwargs.values())))
    if any(x.dim() and not is_ours(x) for x in given):
        raise RuntimeError(MIXED.format(device(), CPU, _facts(operator).name))
    args, kwargs = tree_map(lambda v: v.to(CPU) if is_ours(v) else v, (args, kwargs))
    return tree_map(lambda v: v.to(device()) if isinstance(v, torch.Tensor) else v, operator(*args, **kwargs))


def _autocast(operator: Any, dtype: torch.dtype | None) -> Callable[..., Any]:
    """An operator that casts its floating inputs on the device to ``dtype``, or to what the context asks for."""
    key = torch._C.DispatchKeySet(_KEYS.AutocastPrivateUse1)

    def call(*args: Any, **kwargs: Any) -> Any:
        wanted = dtype or torch.get_autocast_dtype(NAME)

        def cast(value: Any) -> Any:
            floating = is_ours(value) and value.is_floating_point() and value.dtype != torch.float64
            return value.to(wanted) if floating else value

        with torch._C._ExcludeDispatchKeyGuard(key):
            args, kwargs = tree_map(cast, (args, kwargs))
            return operator(*args, **kwargs)

    return call


def _location(storage: Any) -> str | None:
    """The mark that ``torch.save`` leaves on a storage of the device."""
    return str(device()) if storage.device.type == NAME else None


def _restore(storage: Any, location: str) -> Any:
    """A loaded storage, on the device if it was saved there."""
    return _storage(storage) if location.startswith(NAME) else None


def _keeping_parameters(apply: Callable[..., Any]) -> Callable[..., Any]:
    """``Module.to`` as between CPU and CUDA: parameters stay the objects that they are.

    For a foreign backend torch makes new ones, unless it may swap their contents; for other conversions it may not.
    """

    @functools.wraps(apply)
    def _apply(module: torch.nn.Module, function: Callable[..., Any], recurse: bool = True) -> Any:
        first = next(module.parameters(), None)
        swaps = torch.__future__.get_swap_module_params_on_conversion()
        if first is None or swaps or first.device.type not in (NAME, "cpu"):
            return apply(module, function, recurse)
        with torch.no_grad():
            there = function(torch.zeros(1, device=first.device))
        if {first.device.type, there.device.type} != {NAME, "cpu"}:
            return apply(module, function, recurse)
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            return apply(module, function, recurse)
        finally:
            torch.__future__.set_swap_module_params_on_conversion(False)

    return _apply


def _pin_memory(x: torch.Tensor, device: object = None) -> torch.Tensor:
    """A copy that says that it is pinned: the CPU of this machine has no such memory."""
    if is_ours(x):
        raise RuntimeError(f"cannot pin '{x.type()}' only dense CPU tensors can be pinned")
    pinned = x.detach().clone()
    pinned._pinned = True  # type: ignore[attr-defined]
    return pinned


def _is_pinned(x: torch.Tensor, device: object = None) -> bool:
    return getattr(x, "_pinned", False)
