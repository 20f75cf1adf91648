"""The list of public PyTorch names, book/names/apis.json: made from the installed torch alone (``python -m book apis --update``).

A module gives what its ``__all__`` names, or else its public functions and classes; ``torch`` and ``torch.Tensor`` give
what has a docstring, and the undocumented spellings that people write (``torch.relu``); a public class gives the methods
and properties that no more basic public class of its own line gives already (``torch.optim.Optimizer.step``, once, and not
``torch.optim.SGD.step`` again).
"""

from __future__ import annotations

import ast
import contextlib
import enum
import functools
import importlib
import importlib.util
import inspect
import io
import re
import types
import warnings
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from book.names import reasons
from book.names.apis import MEMBER_KINDS, Api, Apis

GENERATED = "generated"


@dataclass(frozen=True)
class Namespace:
    """A public module: its group, who can run it (``cpu``, ``gpu`` or ``other``), and the page that documents it.

    ``page`` is ``generated`` where each name has a page of its own, else the one page that has an anchor for each; empty
    where the documentation mentions the module's names without explaining them.
    """

    module: str
    group: str
    where: str
    page: str


def _namespaces() -> Iterator[Namespace]:
    """Every public module. Of two spellings of one object, the one in the module further up is the one shown."""
    for where, page, group, modules in (
        ("cpu", GENERATED, "torch", "torch"),
        ("cpu", GENERATED, "torch.nn", "torch.nn"),
        ("cpu", GENERATED, "torch.nn.functional", "torch.nn.functional"),
        ("cpu", "nn.init.html", "torch.nn.init", "torch.nn.init"),
        (
            "cpu",
            GENERATED,
            "torch.nn.utils",
            "torch.nn.utils torch.nn.utils.rnn torch.nn.utils.parametrizations torch.nn.utils.parametrize torch.nn.utils.prune torch.nn.utils.stateless",
        ),
        ("cpu", GENERATED, "torch.nn.attention", "torch.nn.attention torch.nn.attention.bias"),
        ("cpu", "nn.attention.flex_attention.html", "torch.nn.attention", "torch.nn.attention.flex_attention"),
        ("gpu", "nn.attention.varlen.html", "torch.nn.attention", "torch.nn.attention.varlen"),
        ("cpu", GENERATED, "torch.optim", "torch.optim torch.optim.lr_scheduler torch.optim.swa_utils"),
        ("cpu", "data.html", "torch.utils.data", "torch.utils.data torch.utils.data.distributed"),
        ("cpu", "tensorboard.html", "torch.utils.tensorboard", "torch.utils.tensorboard"),
        ("cpu", "checkpoint.html", "torch.utils.checkpoint", "torch.utils.checkpoint"),
        (
            "cpu",
            GENERATED,
            "torch.autograd",
            "torch.autograd torch.autograd.forward_ad torch.autograd.function torch.autograd.functional torch.autograd.graph torch.autograd.profiler",
        ),
        ("cpu", GENERATED, "torch.func", "torch.func"),
        ("cpu", GENERATED, "torch.linalg", "torch.linalg"),
        ("cpu", GENERATED, "torch.fft", "torch.fft"),
        ("cpu", "special.html", "torch.special", "torch.special"),
        ("cpu", GENERATED, "torch.sparse", "torch.sparse"),
        ("cpu", "nested.html", "torch.nested", "torch.nested"),
        ("cpu", "masked.html", "torch.masked", "torch.masked"),
        (
            "cpu",
            "distributions.html",
            "torch.distributions",
            "torch.distributions torch.distributions.kl torch.distributions.constraint_registry torch.distributions.constraints torch.distributions.transforms",
        ),
        ("cpu", "amp.html", "torch.amp", "torch.amp torch.cpu.amp"),
        ("gpu", "amp.html", "torch.amp", "torch.cuda.amp"),
        ("cpu", GENERATED, "torch.accelerator", "torch.accelerator"),
        ("gpu", GENERATED, "torch.accelerator", "torch.accelerator.memory"),
        ("cpu", GENERATED, "torch.compiler", "torch.compiler"),
        (
            "cpu",
            "user_guide/torch_compiler/export/api_reference.html",
            "torch.export",
            "torch.export torch.export.dynamic_shapes torch.export.graph_signature torch.export.exported_program torch.export.decomp_utils torch.export.passes torch.export.pt2_archive torch.export.unflatten",
        ),
        ("cpu", GENERATED, "torch.jit", "torch.jit"),
        ("cpu", "library.html", "torch.library", "torch.library"),
        ("cpu", "profiler.html", "torch.profiler", "torch.profiler"),
        ("cpu", "random.html", "torch.random", "torch.random"),
        ("cpu", "notes/serialization.html", "torch.serialization", "torch.serialization"),
        ("cpu", "hub.html", "torch.hub", "torch.hub"),
        ("cpu", "testing.html", "torch.testing", "torch.testing"),
        ("cpu", "torch.overrides.html", "torch.overrides", "torch.overrides"),
        ("cpu", GENERATED, "torch.signal", "torch.signal.windows"),
        ("cpu", GENERATED, "torch.cpu", "torch.cpu"),
        ("cpu", "futures.html", "torch.futures", "torch.futures"),
        ("cpu", "fx.html", "torch.fx", "torch.fx"),
        ("cpu", "package.html", "torch.package", "torch.package"),
        ("cpu", "monitor.html", "torch.monitor", "torch.monitor"),
        (
            "cpu",
            "backends.html",
            "torch.backends",
            "torch.backends.cpu torch.backends.mkl torch.backends.mkldnn torch.backends.openmp torch.backends.opt_einsum torch.backends.nnpack torch.backends.xnnpack torch.backends.quantized",
        ),
        (
            "gpu",
            "backends.html",
            "torch.backends",
            "torch.backends.cuda torch.backends.cudnn torch.backends.cusparselt torch.backends.mha torch.backends.mps",
        ),
        ("cpu", GENERATED, "torch.utils", "torch.utils"),
        ("cpu", "dlpack.html", "torch.utils", "torch.utils.dlpack"),
        ("cpu", "benchmark_utils.html", "torch.utils", "torch.utils.benchmark"),
        ("cpu", "cpp_extension.html", "torch.utils", "torch.utils.cpp_extension"),
        ("cpu", "", "torch.utils", "torch.utils.hooks"),
        ("cpu", "module_tracker.html", "torch.utils", "torch.utils.module_tracker"),
        (
            "gpu",
            GENERATED,
            "torch.cuda",
            "torch.cuda torch.cuda.memory torch.cuda.comm torch.cuda.gds torch.cuda.nvtx torch.cuda.green_contexts",
        ),
        ("gpu", "cuda.html", "torch.cuda", "torch.cuda.profiler torch.cuda.nccl torch.cuda.graphs torch.cuda.random"),
        ("gpu", "cuda.tunable.html", "torch.cuda", "torch.cuda.tunable"),
        ("gpu", GENERATED, "torch.mps", "torch.mps torch.mps.profiler torch.mps.event"),
        ("gpu", GENERATED, "torch.xpu", "torch.xpu torch.xpu.memory torch.xpu.random"),
        ("gpu", "mtia.html", "torch.mtia", "torch.mtia"),
        ("other", "distributed.html", "torch.distributed", "torch.distributed torch.distributed.device_mesh"),
        ("other", "distributed.algorithms.join.html", "torch.distributed", "torch.distributed.algorithms.join"),
        ("other", "distributed.html", "torch.distributed", "torch.distributed.nn.functional"),
        ("other", "distributed.optim.html", "torch.distributed", "torch.distributed.optim"),
        ("other", "rpc.html", "torch.distributed", "torch.distributed.rpc"),
        ("other", GENERATED, "torch.distributed", "torch.nn.parallel"),
        ("other", "fsdp.html", "torch.distributed.fsdp", "torch.distributed.fsdp"),
        (
            "other",
            "distributed.tensor.html",
            "torch.distributed.tensor",
            "torch.distributed.tensor torch.distributed.tensor.debug torch.distributed.tensor.experimental torch.distributed.tensor.placement_types",
        ),
        ("other", "distributed.tensor.parallel.html", "torch.distributed.tensor", "torch.distributed.tensor.parallel"),
        (
            "other",
            "distributed.pipelining.html",
            "torch.distributed.pipelining",
            "torch.distributed.pipelining torch.distributed.pipelining.stage torch.distributed.pipelining.schedules torch.distributed.pipelining.microbatch",
        ),
        (
            "other",
            "distributed.checkpoint.html",
            "torch.distributed.checkpoint",
            "torch.distributed.checkpoint torch.distributed.checkpoint.format_utils torch.distributed.checkpoint.staging torch.distributed.checkpoint.state_dict torch.distributed.checkpoint.stateful",
        ),
        ("other", "elastic/agent.html", "torch.distributed.elastic", "torch.distributed.elastic.agent.server"),
        ("other", "elastic/control_plane.html", "torch.distributed.elastic", "torch.distributed.elastic.control_plane"),
        ("other", "elastic/events.html", "torch.distributed.elastic", "torch.distributed.elastic.events"),
        ("other", "elastic/metrics.html", "torch.distributed.elastic", "torch.distributed.elastic.metrics"),
        (
            "other",
            "elastic/multiprocessing.html",
            "torch.distributed.elastic",
            "torch.distributed.elastic.multiprocessing",
        ),
        (
            "other",
            "elastic/errors.html",
            "torch.distributed.elastic",
            "torch.distributed.elastic.multiprocessing.errors",
        ),
        ("other", "elastic/rendezvous.html", "torch.distributed.elastic", "torch.distributed.elastic.rendezvous"),
        ("other", "elastic/timer.html", "torch.distributed.elastic", "torch.distributed.elastic.timer"),
        ("other", "elastic/run.html", "torch.distributed.elastic", "torch.distributed.launcher"),
        ("other", "onnx.html", "torch.onnx", "torch.onnx torch.onnx.ops"),
        (
            "other",
            GENERATED,
            "torch.ao",
            "torch.ao.quantization torch.ao.quantization.quantize_fx torch.ao.quantization.observer torch.ao.quantization.fake_quantize torch.ao.quantization.qconfig torch.ao.nn.intrinsic torch.ao.nn.intrinsic.qat torch.ao.nn.intrinsic.quantized torch.ao.nn.qat torch.ao.nn.quantizable torch.ao.nn.quantized torch.ao.nn.quantized.dynamic torch.ao.nn.quantized.functional torch.ao.pruning torch.quantization",
        ),
    ):
        for module in modules.split():
            yield Namespace(module, group, where, page)


NAMESPACES = {namespace.module: namespace for namespace in _namespaces()}

# Spellings of operations that torch keeps for itself: C++ internals that its __all__ lets through.
INTERNAL = re.compile(
    r"(cudnn|miopen|mkldnn|fbgemm|native|quantized|choose_qparams|fused_moving|fake_quant|embedding_renorm|sym_constrain|q_)\w*"
    r"|\w+_(backward|backward_\w+|backward_reduce|copy|elemt|stats|stats_with_counts|indices)|slice_inverse|convolution"
    r"|batch_norm_\w+|unsafe_\w+|split_with_sizes|max_pool1d_with_indices|norm_except_dim|int_repr|is_vulkan_available"
    r"|is_distributed|is_same_size|is_signed|is_neg|grid_sampler\w*|affine_grid_generator|constant_pad_nd|rsub|saddmm|dsmm|hsmm|hspmm"
    r"|resize_as_sparse_|empty_quantized|scalar_tensor|nuclear_norm|frobenius_norm|get_device|binomial|index_put_?|put|init_num_threads"
    r"|(lstm|gru|rnn_tanh|rnn_relu)(_cell)?"
)
# Public in torch, with a docstring, yet no operation or class that a reader calls.
NOT_SHOWN = re.compile(
    r"classproperty|get_file_path|prepare_multiprocessing_environment|compiled_with_cxx11_abi|cpp|unify_type_list|parse_\w+"
    r"|merge_type_from_type_comment|import_ir_module\w*|profiler_allow\w+|sym_fresh_size|sym_sqrt|\w+_(ipu|xla)_\w+"
    r"|bisect_right|mkdtemp|variable|CudnnModule|MkldnnModule|(?:BFloat16|Bool|Byte|Char|Complex\w+|Double|Float|Half|Int|Long|Short)Storage"
)
ELSEWHERE = re.compile(r"eig|lstsq|solve|symeig|matrix_rank|fork|wait")
"""Names that torch itself has but that people find in torch.linalg or torch.jit."""
PLAIN_CLASSES = {"Generator", "Size", "device", "dtype", "finfo", "iinfo", "layout", "memory_format", "Stream", "Event"}
PLAIN_CLASSES |= {"Tag", "ScriptFunction", "OutOfMemoryError", "AcceleratorError", "TypedStorage", "UntypedStorage"}
# Old tensor methods that only raise, and attributes of backends that no longer exist.
REMOVED_METHODS = {"eig", "lstsq", "solve", "symeig", "volatile", "reinforce", "resize", "resize_as", "new", "map2_"}
REMOVED_METHODS |= {"is_distributed", "is_same_size", "is_maia", "is_vulkan", "slice_inverse", "resize_as_sparse_"}
REMOVED_METHODS |= {"unsafe_split_with_sizes", "is_mkldnn"}
INDEXING = ("__getitem__", "__setitem__")
"""The only special methods that count: ``x[i]`` and ``x[i] = y`` have no other name."""

PROPERTIES: tuple[type, ...] = (
    property,
    functools.cached_property,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
METHODS: tuple[type, ...] = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    classmethod,
    staticmethod,
)


@dataclass
class Found:
    """A public object while the list is being made; ``obj`` is None for one that was only read from source."""

    name: str
    obj: Any
    kind: str
    namespace: Namespace
    doc: str
    home: str
    members: dict[str, str]


def collect() -> Apis:
    """The list that the installed torch gives."""
    import torch

    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        found, aliases = _one_spelling_each(_walk())
        members = list(_members(found))
    docs = {one.name: one.doc for one in found} | {name: doc for name, _, doc, _ in members}
    family_of = _families(docs, {one.name: one.kind for one in found} | {name: kind for name, kind, _, _ in members})
    by_name = {}
    for one in found:
        page = _page(one)
        by_name[one.name] = Api(
            one.name,
            one.namespace.group,
            one.kind,
            _where(one.name, one.namespace),
            page,
            family_of[one.name],
            tuple(sorted(aliases.get(one.name, ()))),
        )
    for name, kind, doc, owner in members:
        page = _member_page(name, doc, owner)
        by_name[name] = Api(name, _member_group(owner), kind, _where(name, owner.namespace), page, family_of[name])
    for name, api in by_name.items():  # an undocumented spelling is explained where its family is
        if api.page is None and api.family in by_name and by_name[api.family].page:
            by_name[name] = replace(api, page=by_name[api.family].page)
    objects = {one.name: one.obj for one in found}
    for name, api in by_name.items():
        parent, _, member = name.rpartition(".")
        obj = objects[name] if name in objects else inspect.getattr_static(objects.get(parent), member, None)
        of_itself, instead = reasons.reason(name, api.kind, obj, docs[name])
        if of_itself == reasons.UNDOCUMENTED and name in MOVED.keys() | ANCHORED.keys():  # a page explains torch.Size
            of_itself = ""
        by_name[name] = replace(api, signature=_signature(name, api.kind, obj), reason=of_itself, instead=instead)
    for name, api in by_name.items():  # what a deprecated class has is deprecated as well
        of_class = by_name.get(name.rpartition(".")[0])
        if api.kind in MEMBER_KINDS and of_class and of_class.reason == reasons.DEPRECATED:
            by_name[name] = replace(api, reason=of_class.reason, instead=of_class.instead)
    return Apis(torch.__version__.partition("+")[0], by_name)


def _signature(name: str, kind: str, obj: Any) -> str:
    """How ``name`` is called: from the first line of its documentation (C functions), or from its parameters."""
    if obj is None or kind == "property":
        return ""
    obj = getattr(obj, "__func__", obj)
    last = name.rpartition(".")[2]
    first = (inspect.getdoc(obj) or "").strip().split("\n", 1)[0] if kind != "class" else ""
    told = re.fullmatch(rf"(?:[\w.]+\.)?{re.escape(last)}(\(.*\))(?: *-> *[^:]*)?\.?", first)
    if told:
        return f"{name}{told[1]}"
    try:
        parameters = list(inspect.signature(obj.__init__ if kind == "class" else obj).parameters.values())
    except (TypeError, ValueError, AttributeError):
        return ""
    if parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    shown = [p.replace(annotation=p.empty, default=_plain_default(p.default)) for p in parameters]
    return f"{name}{inspect.Signature(shown, __validate_parameters__=False)}"


class _Dots:
    """Stands for a default value whose text would differ from machine to machine."""

    def __repr__(self) -> str:
        return "..."


def _plain_default(value: object) -> object:
    plain = value is inspect.Parameter.empty or value is None or type(value) in (bool, int, float, str)
    return value if plain or (type(value) is tuple and all(type(v) in (int, float) for v in value)) else _Dots()


READ = {"torch.utils.tensorboard"}
"""Modules that stand on a package of another house: read, not imported, so that the list is the same without it."""


def _walk() -> Iterator[Found]:
    for namespace in NAMESPACES.values():
        if namespace.module in READ:
            yield from _read_source(namespace)
            continue
        module = importlib.import_module(namespace.module)
        if "m" in vars(module):  # torch.backends.cudnn wraps the module to turn switches into attributes
            switches = sorted(name for name, obj in vars(type(module)).items() if type(obj).__name__ == "ContextProp")
            for name in switches:
                yield Found(f"{namespace.module}.{name}", None, "property", namespace, name, namespace.module, {})
            module = vars(module)["m"]
        for name in _public(module):
            obj = getattr(module, name, None)
            kind = _kind(obj)
            if kind and not NOT_SHOWN.fullmatch(name):
                home = f"{getattr(obj, '__module__', None)}.{getattr(obj, '__qualname__', name)}"
                yield Found(f"{namespace.module}.{name}", obj, kind, namespace, _doc(obj), home, {})


def _public(module: types.ModuleType) -> list[str]:
    import torch

    if module is torch:
        return sorted(name for name in dir(torch) if _public_in_torch(name, getattr(torch, name)))
    names = {name for name in getattr(module, "__all__", ()) if not name.startswith("_")}
    return sorted(names | {name for name, obj in vars(module).items() if _at_home(name, obj, module)})


def _at_home(name: str, obj: Any, module: types.ModuleType) -> bool:
    """Whether a name that ``__all__`` does not give is documented, and of this module rather than imported into it."""
    if name.startswith("_") or not _kind(obj):
        return False
    if isinstance(obj, types.BuiltinFunctionType):
        return bool(_doc(obj)) and not name.startswith("has_torch_function")
    home = str(getattr(obj, "__module__", "")) + "."
    parent, _, last = module.__name__.rpartition(".")
    if home.startswith(f"{parent}._{last}."):  # torch.library keeps its classes in torch._library
        return isinstance(obj, type)
    if hasattr(module, "__all__"):
        return bool(_doc(obj)) and home == f"{module.__name__}."
    deep = module.__name__.count(".") > 2  # such as torch.ao.quantization.quantize_fx
    inside = home.startswith(f"{parent if deep else module.__name__}.")
    return (inside and (isinstance(obj, type) or bool(_doc(obj)))) or (bool(_doc(obj)) and home.startswith("torch._C."))


def _public_in_torch(name: str, obj: Any) -> bool:
    import torch

    home = str(getattr(obj, "__module__", "") or "")
    if name.startswith("_") or ELSEWHERE.fullmatch(name) or not _kind(obj):
        return False
    if isinstance(obj, type):
        own = home.split(".")[0] == "torch" and getattr(torch._C, name, None) is not obj
        return name in PLAIN_CLASSES or (own and not name.endswith("Storage"))
    if isinstance(obj, types.BuiltinFunctionType):
        operation = name in dir(torch._C._VariableFunctions) and not INTERNAL.fullmatch(name)
        return bool(_doc(obj)) or operation or re.fullmatch(r"(is|get|set)_(autocast|anomaly)\w*", name) is not None
    return isinstance(obj, types.FunctionType | functools._lru_cache_wrapper) and home.startswith("torch")


def _kind(obj: Any) -> str | None:
    if isinstance(obj, type):
        return None if type(obj).__name__ == "tensortype" else "class"  # torch.cuda.FloatTensor and its like
    if obj is None or isinstance(obj, types.ModuleType | int | float | str | tuple | list | dict | set | frozenset):
        return None
    return "function" if callable(obj) else None


def _doc(obj: Any) -> str:
    doc = getattr(obj, "__doc__", None)
    if isinstance(obj, type) and "__doc__" not in vars(obj):
        doc = None  # inherited from a base class
    return doc if isinstance(doc, str) else ""


def _read_source(namespace: Namespace) -> Iterator[Found]:
    """The public names of a module from its source alone."""
    spec = importlib.util.find_spec(namespace.module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    declared: list[str] = []
    sources: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]:
            declared = list(ast.literal_eval(node.value))
        elif isinstance(node, ast.ImportFrom) and node.module:
            home = f"{namespace.module}.{node.module}" if node.level else node.module
            sources |= {alias.asname or alias.name: home for alias in node.names}
    for name in declared:
        home = sources.get(name, namespace.module)
        node_of = _class_in(Path(spec.origin).parent / f"{home.rpartition('.')[2]}.py", name)
        members = {} if node_of is None else dict(_methods_in(node_of))
        doc = (ast.get_docstring(node_of) or "") if node_of else ""
        yield Found(f"{namespace.module}.{name}", None, "class", namespace, doc, f"{home}.{name}", members)


def _class_in(path: Path, name: str) -> ast.ClassDef | None:
    if not path.is_file():
        return None
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return next((node for node in body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _methods_in(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            yield item.name, ast.get_docstring(item) or ""


def _one_spelling_each(walked: Iterable[Found]) -> tuple[list[Found], dict[str, set[str]]]:
    """Of the spellings of one object, the one to show; the others are its aliases."""
    every = list(walked)
    order = {module: index for index, module in enumerate(NAMESPACES)}
    spelled: dict[Any, list[Found]] = defaultdict(list)
    for one in every:
        spelled[one.name if one.obj is None else id(one.obj)].append(one)
    chosen, aliases = [], {}
    for spellings in spelled.values():
        best = min(spellings, key=lambda one: _preference(one, order))
        chosen.append(best)
        others = {one.name for one in spellings} - {best.name}
        if others:
            aliases[best.name] = others
    return chosen, aliases


def _preference(one: Found, order: dict[str, int]) -> tuple[bool, int, int, str]:
    """Smallest first. A function of torch that is documented in torch.nn.functional or torch.func counts as that one."""
    parent, _, last = one.name.rpartition(".")
    shadowed = parent == "torch" and (last in _names("torch.nn.functional") or last == "vmap")
    old = parent == "torch.quantization" or one.name == "torch.profiler.record_function"
    return (shadowed or old, one.name.count("."), order[parent], one.name)


@functools.cache
def _names(module: str) -> frozenset[str]:
    return frozenset(_public(importlib.import_module(module)))


def _members(found: Iterable[Found]) -> Iterator[tuple[str, str, str, Found]]:
    """(name, kind, docstring, owner) of every public method and property, once: where it is most basic."""
    import torch

    public = {id(one.obj): one for one in found if isinstance(one.obj, type)}
    for one in found:
        if one.obj is None:
            for name, doc in one.members.items():
                yield f"{one.name}.{name}", "method", doc, one
        elif one.obj is torch.Tensor:
            for name in dir(torch.Tensor):
                obj = inspect.getattr_static(torch.Tensor, name)
                kind = _member_kind(obj)
                if kind and not name.startswith("_") and name not in REMOVED_METHODS:
                    yield f"{one.name}.{name}", kind, _doc(obj), one
            for name in INDEXING:
                yield f"{one.name}.{name}", "method", "", one
        elif isinstance(one.obj, type) and not issubclass(one.obj, enum.Enum | BaseException):
            more_basic = [base for base in one.obj.__mro__[1:] if id(base) in public]
            for name, obj in sorted(_own_members(one.obj, public).items()):
                kind = _member_kind(obj)
                if kind and not name.startswith("_") and not any(hasattr(base, name) for base in more_basic):
                    yield f"{one.name}.{name}", kind, _doc(obj), one
    context = next(one for one in found if one.name == "torch.autograd.function.FunctionCtx")
    for name in CONTEXT_PROPERTIES:
        yield f"{context.name}.{name}", "property", "", context


def _own_members(cls: type, public: Container[int]) -> dict[str, Any]:
    """What a class has of its own or from bases that torch keeps for itself."""
    hidden = [base for base in cls.__mro__[1:] if id(base) not in public and base.__module__.startswith("torch.")]
    members: dict[str, Any] = {}
    for base in (*reversed(hidden), cls):
        if base.__name__ not in ("_FunctionBase", "_HookMixin"):  # their names are counted with Node and FunctionCtx
            members |= vars(base)
    return members


CONTEXT_PROPERTIES = ("needs_input_grad", "saved_tensors")
"""What ctx has from C++; the documentation explains both with FunctionCtx."""


def _member_kind(obj: Any) -> str | None:
    if isinstance(obj, PROPERTIES) or type(obj).__name__ in ("_tuplegetter", "lazy_property", "dependent_property"):
        return "property"
    if isinstance(obj, METHODS) or type(obj).__name__ in ("instancemethod", "_lru_cache_wrapper"):
        return "method"
    return None


def _member_group(owner: Found) -> str:
    return "torch.Tensor" if owner.name == "torch.Tensor" else owner.namespace.group


RUNS_ANYWHERE = {"is_available", "device_count", "current_accelerator"}


def _where(name: str, namespace: Namespace) -> str:
    if name.rpartition(".")[2] in RUNS_ANYWHERE and namespace.where == "gpu":
        return "cpu"
    if namespace.module == "torch.accelerator":
        return "cpu" if name.rpartition(".")[2] in RUNS_ANYWHERE else "gpu"
    return namespace.where


# ---- families: one operation, all its spellings

ALIAS = re.compile(
    r"(?:Alias (?:for|of)|See|[Ii]n-?place version of|Out-of-place version of|Performs the same operation as)\s+"
    r":(?:func|meth|attr):`~?(?P<target>[\w.]+)(?:\(\))?`"
)
TWINS = {"torch.profiler.profile": "torch.autograd.profiler.profile"}
"""Of two classes, the one that passes its methods on to those of the same names in the other."""
HOMONYMS = {"unfold", "name"}
"""Names that are one operation in torch.nn.functional and another in torch.Tensor."""
COMMON = re.compile(r"torch(\.Tensor|\.nn\.functional)?\.(?P<last>\w+)")


def _families(docs: dict[str, str], kinds: dict[str, str]) -> dict[str, str]:
    """Name -> the name that stands for its operation."""
    parent = {name: name for name in docs}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(one: str, other: str | None) -> None:
        if other in parent and kinds[other] != "class" and kinds[one] != "class":
            parent[root(one)] = root(other)

    for name in docs:
        match = COMMON.fullmatch(name)
        if not match or name.endswith("__"):
            continue
        last = match["last"]
        for base in {last, last.removesuffix("_")} - HOMONYMS:
            join(name, f"torch.nn.functional.{base}")
            join(name, f"torch.{base}")
            join(name, f"torch.Tensor.{base}")
    for name, doc in docs.items():
        head = " ".join(doc.split("Args:")[0].split("->")[-1].split())[:160]
        aliased = ALIAS.search(head)
        if aliased and aliased.start() < 60:
            target = aliased["target"]
            owner = name.rpartition(".")[0]
            for spelled in (target, f"torch.{target}", f"{owner}.{target}"):
                if spelled in parent:
                    join(name, spelled)
                    break
    for name in docs:
        owner, _, last = name.rpartition(".")
        if owner in TWINS:
            join(name, f"{TWINS[owner]}.{last}")
    groups: dict[str, list[str]] = defaultdict(list)
    for name in docs:
        groups[root(name)].append(name)
    heads = {key: min(names, key=lambda name: _headship(name, docs)) for key, names in groups.items()}
    return {name: heads[root(name)] for name in docs}


def _headship(name: str, docs: dict[str, str]) -> tuple[bool, bool, bool, bool, int, str]:
    """Smallest first: documented, a function, not an alias, no in-place twin, torch before its submodules."""
    doc = docs[name]
    head = " ".join(doc.split())[:160]
    aliased = None if "Out-of-place version" in head else ALIAS.search(head)
    special = bool(aliased and "torch.special" in aliased["target"])  # people write torch.erf
    depth = 5 if ".special." in name else name.count(".")
    method = name.startswith("torch.Tensor.")
    return (not doc, method, bool(aliased) and not special, name.endswith(("_", "_copy")), depth, name)


# ---- official pages

MOVED = {
    "torch.Tensor": "tensors.html#torch.Tensor",
    "torch.Size": "size.html#torch.Size",
    "torch.device": "tensor_attributes.html#torch.device",
    "torch.dtype": "tensor_attributes.html#torch.dtype",
    "torch.layout": "tensor_attributes.html#torch.layout",
    "torch.memory_format": "tensor_attributes.html#torch.memory_format",
    "torch.finfo": "type_info.html#torch.finfo",
    "torch.iinfo": "type_info.html#torch.iinfo",
    "torch.TypedStorage": "storage.html#torch.TypedStorage",
    "torch.UntypedStorage": "storage.html#torch.UntypedStorage",
    "torch.autocast": "amp.html#torch.autocast",
    "torch.GradScaler": "amp.html#gradient-scaling",
    "torch.Tag": "torch.html#torch.Tag",
    "torch.optim.Optimizer": "optim.html#torch.optim.Optimizer",
    "torch.autograd.Function": "autograd.html#torch.autograd.Function",
    "torch.autograd.gradcheck": "generated/torch.autograd.gradcheck.gradcheck.html",
    "torch.autograd.gradgradcheck": "generated/torch.autograd.gradcheck.gradgradcheck.html",
    "torch.autograd.set_multithreading_enabled": "generated/torch.autograd.grad_mode.set_multithreading_enabled.html",
    "torch.autograd.enforce_grad_layout_policy": "generated/torch.autograd.grad_mode.enforce_grad_layout_policy.html",
    "torch.utils.data.DistributedSampler": "data.html#torch.utils.data.distributed.DistributedSampler",
    "torch.autograd.function.once_differentiable": "generated/torch.autograd.function.once_differentiable.html",
    "torch.jit.Future": "futures.html#torch.futures.Future",
    "torch.Tensor.dtype": "tensor_attributes.html#torch.dtype",
    "torch.Tensor.layout": "tensor_attributes.html#torch.layout",
    "torch.Tensor.shape": "generated/torch.Tensor.size.html",
}
# Names that the package's page explains as an anchor, where their neighbours have pages of their own.
ANCHORED = {
    f"torch.autograd.{last}": "autograd.html"
    for last in (
        "detect_anomaly",
        "set_detect_anomaly",
        "function.FunctionCtx",
        "function.FunctionMeta",
        "profiler.profile",
        "profiler.emit_nvtx",
        "profiler.emit_itt",
        "graph.Node",
        "graph.saved_tensors_hooks",
        "graph.save_on_cpu",
        "graph.disable_saved_tensors_hooks",
        "graph.register_multi_grad_hook",
        "graph.allow_mutation_on_saved_tensors",
        "graph.GradientEdge",
        "graph.get_gradient_edge",
        "graph.region_activation_memory_budget",
        "graph.set_warn_on_accumulate_grad_stream_mismatch",
        "graph.set_override_stale_capture_stream",
    )
}
# Classes whose methods have pages of their own.
PAGED_MEMBERS = {
    "torch.Tensor": None,
    "torch.optim.Optimizer": None,
    "torch.autograd.Function": {"forward", "backward", "jvp", "vmap"},
    "torch.autograd.function.FunctionCtx": {
        "mark_dirty",
        "mark_non_differentiable",
        "save_for_backward",
        "set_materialize_grads",
    },
    "torch.autograd.graph.Node": {"name", "metadata", "next_functions", "register_hook", "register_prehook"},
    "torch.autograd.profiler.profile": {
        "export_chrome_trace",
        "key_averages",
        "self_cpu_time_total",
        "total_average",
    },
}
# Modules whose names have pages under another module's name.
PAGE_MODULES = {"torch.cuda": "torch.cuda.memory", "torch.accelerator": "torch.accelerator.memory"}
PAGE_MODULES |= {"torch.xpu": "torch.xpu.memory"}
# Pages whose anchors are the names in the module of the source.
SOURCE_ANCHORS = {"distributions.html", "tensorboard.html"}


def _page(one: Found) -> str | None:
    """The address of a function or class below the documentation's root."""
    if one.name in MOVED:
        return MOVED[one.name]
    if one.name in ANCHORED:
        return f"{ANCHORED[one.name]}#{one.name}"
    if (not one.doc and one.kind == "function") or not one.namespace.page:
        return None
    parent, _, last = one.name.rpartition(".")
    page = one.namespace.page
    if page == GENERATED:
        other = PAGE_MODULES.get(parent)
        if other and one.home.startswith(f"{other}."):
            return f"{GENERATED}/{other}.{last}.html"
        return f"{GENERATED}/{one.name}.html"
    anchor = one.home if page in SOURCE_ANCHORS and one.home.startswith("torch") else one.name
    return f"{page}#{anchor}"


def _member_page(name: str, doc: str, owner: Found) -> str | None:
    if name in MOVED:
        return MOVED[name]
    last = name.rpartition(".")[2]
    if owner.name in PAGED_MEMBERS:
        paged = PAGED_MEMBERS[owner.name]
        if paged is None:
            return f"{GENERATED}/{name}.html" if doc else None
        if last in paged:
            return f"{GENERATED}/{name}.html"
    page = _page(owner)
    if page is None:
        return None
    _, _, anchor = page.partition("#")
    if not anchor:
        return f"{page}#{name}"
    return f"{page}.{last}" if "." in anchor else page
