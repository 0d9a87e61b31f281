"""Importing a part of diffusers and MediaPipe without the rest of them: a start of seconds becomes one of tenths.

Whoever imports one block of diffusers runs the `__init__` of packages that list every transformer and codec it has and,
for a few decorators and two class names, all of `torch._dynamo` (with sympy), transformers and half of scipy; and has
the files of every installed package listed. MediaPipe's face mesh brings matplotlib along, and a sound library that
starts a C compiler. None of it is needed to animate. These packages are therefore empty until something in them is
asked for, as the modules of `importlib.util.LazyLoader`, the class names are those of stand-ins that ask the real
classes, and packages are listed when someone looks into the list. Nothing changes for what was imported before.
"""

import contextlib
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

_DYNAMO = "torch._dynamo"

_LISTS = (
    "diffusers.models.autoencoders",
    "diffusers.models.transformers",
    "diffusers.models.unets",
    "mediapipe.python.solutions.drawing_styles",
    "mediapipe.python.solutions.drawing_utils",
    "mediapipe.tasks.python",
)
"""Packages whose `__init__` only imports their files, one of which can be imported alone; and files that others import
without looking into them."""

_WHOLE = (_DYNAMO, "scipy.integrate", "scipy.stats")
"""Packages whose files expect that the package was run before them."""

_NAMES = ("AutoImageProcessor", "PreTrainedModel")
"""Classes of transformers..."""

_READERS = (
    "diffusers.loaders.lora_base",
    "diffusers.loaders.single_file_utils",
    "diffusers.pipelines.pipeline_loading_utils",
)
"""...that these modules import, to compare with them or to call them much later."""

_LISTER = "diffusers.utils.import_utils"
"""Lists the installed packages by what can be imported, for a few that are rarely there."""

_loading = threading.RLock()


class _Deferred(ModuleType):
    """A module that runs its code when it is first asked for a name that it does not have."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        _load(self)
        return getattr(self, name)


def _load(module: ModuleType | None) -> None:
    with _loading:
        if isinstance(module, _Deferred):
            spec = module.__spec__
            assert spec is not None and isinstance(spec.loader, _DeferringLoader)
            module.__class__ = ModuleType  # type: ignore[assignment]
            module.__loader__ = spec.loader = spec.loader.real
            spec.loader.exec_module(module)
            if module.__name__ == _DYNAMO:
                while _allowed:
                    module.allow_in_graph(_allowed.pop())


class _DeferringLoader(importlib.abc.Loader):
    def __init__(self, real: Any) -> None:
        self.real = real

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == _DYNAMO:
            vars(module).update(allow_in_graph=_allow_in_graph, disable=_disable, eval_frame=_EvalFrame)
        module.__class__ = _Deferred


_allowed: list[Any] = []


def _allow_in_graph(decorated: Any) -> Any:
    """`torch._dynamo.allow_in_graph`, which matters only once something is compiled: told then."""
    _allowed.append(decorated)
    return decorated


def _disable(fn: Callable[..., Any] | None = None, recursive: bool = True, **options: Any) -> Any:
    """`torch._dynamo.disable`: the plain function as long as nothing can be compiled."""
    if fn is None:
        return functools.partial(_disable, recursive=recursive, **options)

    @functools.wraps(fn)
    def not_compiled(*arguments: Any, **keywords: Any) -> Any:
        dynamo = sys.modules[_DYNAMO]
        called = fn if isinstance(dynamo, _Deferred) else dynamo.disable(fn, recursive, **options)
        return called(*arguments, **keywords)

    return not_compiled


class _EvalFrame:
    """`torch._dynamo.eval_frame`, of which nothing can be an object as long as nothing was compiled."""

    class OptimizedModule:
        pass


class _StandIn(type):
    """A class that asks a class of transformers whatever it is asked."""

    def _real(cls) -> Any:
        return getattr(importlib.import_module("transformers"), cls.__name__)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls._real(), name)

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        return cls._real()(*arguments, **options)

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        # where no model of transformers was loaded, nothing is one
        return "transformers.modeling_utils" in sys.modules and issubclass(subclass, cls._real())


@contextlib.contextmanager
def _stand_ins() -> Iterator[None]:
    """What is imported here finds stand-ins in transformers."""
    try:
        given = vars(importlib.import_module("transformers"))
    except ImportError:  # diffusers does without it, too
        given = {}
    stand_ins = {name: _StandIn(name, (), {}) for name in _NAMES if name not in given}
    given.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del given[name]


class _Distributions(Mapping[str, list[str]]):
    """`importlib.metadata.packages_distributions()`, made when it is looked into: it reads hundreds of files."""

    @functools.cached_property
    def _all(self) -> Mapping[str, list[str]]:
        return _packages_distributions()

    def __getitem__(self, name: str) -> list[str]:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


_packages_distributions = importlib.metadata.packages_distributions


@contextlib.contextmanager
def _nothing_listed() -> Iterator[None]:
    """What is imported here lists the installed packages later, if ever."""
    importlib.metadata.packages_distributions = _Distributions
    try:
        yield
    finally:
        importlib.metadata.packages_distributions = _packages_distributions


class _SurroundedLoader(importlib.abc.Loader):
    """Runs a module in surroundings that it would not have otherwise."""

    def __init__(self, surroundings: Callable[[], contextlib.AbstractContextManager[None]], real: Any) -> None:
        self._surroundings, self._real = surroundings, real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._real.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        with _loading, self._surroundings():
            self._real.exec_module(module)


class _LoadedLoader(importlib.abc.Loader):
    """Hands out a module that its package has imported in the meantime; a second copy would not share its state."""

    def __init__(self, loaded: ModuleType) -> None:
        self._loaded, self._spec = loaded, loaded.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._loaded

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parent = name.rpartition(".")[0]
        if parent in _WHOLE:
            _load(sys.modules.get(parent))
            if loaded := sys.modules.get(name):
                return importlib.machinery.ModuleSpec(name, _LoadedLoader(loaded))
        loader = _LOADERS.get(name)
        spec = loader and importlib.machinery.PathFinder.find_spec(name, path)
        if loader and spec:
            spec.loader = loader(spec.loader)
        return spec


_LOADERS: Mapping[str, Callable[[Any], importlib.abc.Loader]] = {
    **dict.fromkeys((*_LISTS, *_WHOLE), _DeferringLoader),
    **dict.fromkeys(_READERS, functools.partial(_SurroundedLoader, _stand_ins)),
    _LISTER: functools.partial(_SurroundedLoader, _nothing_listed),
}


def install() -> None:
    """Has the packages above deferred from here on; costs nothing until one of them is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Leaves Python's cycle collector out of a block of imports and loading.

    It would look through the hundred thousands of new objects again and again, of which none is garbage: a fifth of the
    whole time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
