"""Pickle reader that executes nothing: numbers, text, containers, arrays.

Python's own unpickler calls whatever a file names, and even if that is forbidden a few bytes make it allocate
gigabytes (a memo index of 2^31 is enough). This reader is a small stack machine over the opcodes of
``readers.opcodes``; it refuses all other names, never resolves a name of the file, leaves the numbers of arrays in the
file until they are asked for, and takes no more memory for everything else than its budget.

``torch.load(weights_only=True)`` is no substitute: it also reserves memory by numbers in the file. Measured with torch
2.13 as growth of resident memory (of address space), against 2 MB (3 MB) here, where each of these is refused: a
bytearray of 2^31 in 348 bytes takes 2,048 MB (2,148 MB), a deflated storage of zeros in 1.0 MB 1,025 MB (1,074 MB), a
tensor of 2^29 floats in 342 bytes 1 MB (2,148 MB). It also reads all checkpoints of a run at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.candidates import blamed
from engine.formats.readers.opcodes import OBJECT_BYTES, Budget, Text, operations
from engine.formats.records import SCATTERED_LIMIT, Record, Section, read_exactly

_DTYPE = re.compile(r"([<>|=]?)([fiub][1248])")
_RECONSTRUCT = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")}
_SCALAR = {("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")}
_FROM_BUFFER = {("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer")}
_NAMESPACES = {("types", "SimpleNamespace"), ("argparse", "Namespace"), ("collections", "OrderedDict")}
_CODES = {"Half": "<f2", "Float": "<f4", "Double": "<f8", "Long": "<i8", "Int": "<i4", "Byte": "u1"}
_STORAGES = {("torch", f"{name}Storage"): np.dtype(code) for name, code in _CODES.items()}
_KNOWN = {
    *_RECONSTRUCT, *_SCALAR, *_FROM_BUFFER, *_NAMESPACES, *_STORAGES,
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"), ("torch._utils", "_rebuild_tensor_v2"),
}  # fmt: skip


@dataclass(slots=True)
class PickledArray:
    """Array described by a pickle, whose numbers are read on demand.

    Attributes:
        shape: as declared, checked against the number of bytes.
        dtype: of its elements.
        section: the bytes that hold it.
        offset: of its first element in them, in elements.
        strides: from one element to the next along each axis, in elements.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    section: Section
    offset: int
    strides: tuple[int, ...]

    def load(self) -> NDArray[Any]:
        """Read the array."""
        if not math.prod(self.shape):
            return np.empty(self.shape, self.dtype)
        reach = sum((axis - 1) * stride for axis, stride in zip(self.shape, self.strides, strict=True)) + 1
        n_bytes, size = reach * self.dtype.itemsize, self.dtype.itemsize
        if n_bytes > SCATTERED_LIMIT and reach != math.prod(self.shape):
            raise ValueError(
                f"its numbers {self.shape} lie scattered over {n_bytes:,} bytes, and at most {SCATTERED_LIMIT:,} are "
                "read at once: save tensor.contiguous()"
            )
        with self.section.open_at(self.offset * size) as stream:
            raw = read_exactly(stream, n_bytes)
        return np.ndarray(self.shape, self.dtype, raw, 0, tuple(stride * size for stride in self.strides))

    def record(self, name: str, n_samples: int, n_classes: int) -> Record | None:
        """Return its numbers as an unread (sample, class) record; None unless they lie in this order in one piece."""
        if self.strides != _strides(self.shape, "C"):
            return None
        start = self.offset * self.dtype.itemsize
        return Record((n_samples, n_classes), self.dtype, lambda: blamed(name, self.section.open_at(start)))


class _Name(tuple[str, str]):
    """A global name in the file, kept as a label and never resolved."""


class _Dtype:
    def __init__(self, code: str) -> None:
        match = _DTYPE.fullmatch(code)
        if not match:
            raise ValueError(f"it holds arrays of {code!r:.40}; plain numbers are read")
        self.order, self.code = match.groups()

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order.replace("|", "=") + self.code)


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: np.dtype[Any]
    length: int
    section: Section


_MARK = object()


def read_pickle(source: Section, storage: Callable[[str], Section] | None = None) -> Any:
    """Return the content of a pickle: None, bool, int, float, str, bytes, tuple, list, dict, and `PickledArray`.

    Namespaces (types.SimpleNamespace, argparse.Namespace) become dictionaries; long texts and bytes stay sections.

    Args:
        source: the pickle.
        storage: returns, by key, a tensor's storage; for torch files.

    Raises:
        ValueError: a name that is not that of an array type, an opcode that arrays and settings do not need, or more
            objects than the budget allows.
        ValueError, IndexError, KeyError, TypeError: not a pickle, or damaged.
    """
    budget = Budget()
    machine = _Machine(storage, budget)
    for name, argument in operations(source, budget, _OPCODES):
        machine.step(name, argument)
    (value,) = machine.stack
    return value


class _Machine:
    def __init__(self, storage: Callable[[str], Section] | None, budget: Budget) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._storage = storage
        self._budget = budget

    def step(self, name: str, argument: Any) -> None:
        """Execute one opcode."""
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self._memo[argument])
        elif name in _HANDLERS:
            _HANDLERS[name](self, argument)

    def _above_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                items = self.stack[place + 1 :]
                del self.stack[place:]
                return items
        raise ValueError("a mark is missing")

    def _popped(self, count: int) -> list[Any]:
        return [self.stack.pop() for _ in range(count)][::-1]

    def _extend(self, items: list[Any]) -> None:
        _expect(self.stack[-1], list).extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = _expect(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _push_name(self, module: str, name: str) -> None:
        if (_expect(module, str), _expect(name, str)) not in _KNOWN:
            raise ValueError(
                f"it names {module}.{name}, and a pickle may name nothing but arrays of numbers: loading it would run "
                "what it names. If you made the file yourself, convert it with python -m data.trusted_conversion"
            )
        self.stack.append(_Name((module, name)))

    def _reduce(self) -> None:
        name, arguments = self._popped(2)
        self.stack.append(self._call(_expect(name, _Name), _expect(arguments, tuple)))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, dict):
            # A few opcodes may name one large state again and again.
            self._budget.spend(len(_expect(state, dict)) * OBJECT_BYTES)
            target.update({_key(key): value for key, value in state.items()})
        elif isinstance(target, _Dtype):
            order = _expect(_expect(state, tuple)[1], str)
            _Dtype(order + target.code)
            target.order = order
        elif isinstance(target, PickledArray):
            _, shape, dtype, is_fortran, raw = _expect(state, tuple)
            filled = _array(raw, _expect(dtype, _Dtype).dtype, shape, "F" if is_fortran else "C")
            target.shape, target.dtype, target.section = filled.shape, filled.dtype, filled.section
            target.offset, target.strides = filled.offset, filled.strides
        else:
            raise ValueError(f"it gives a state to a {type(target).__name__}")

    def _persistent(self) -> None:
        kind, storage_type, key, _, length = _expect(self.stack.pop(), tuple)
        # No other type: the hash or text of a tuple that holds another one twice, and so on, takes 2^depth steps.
        dtype = _STORAGES.get(_expect(storage_type, _Name))
        if kind != "storage" or dtype is None or self._storage is None:
            raise ValueError(f"it refers to {' '.join(storage_type):.60}, which is no tensor of plain numbers")
        section = self._storage(_expect(key, str))
        if _expect(length, int) * dtype.itemsize != section.n_bytes:
            raise ValueError(f"the storage {key!r:.20} declares {length} elements and has {section.n_bytes:,} bytes")
        self.stack.append(_Storage(dtype, length, section))

    def _call(self, name: _Name, arguments: tuple[Any, ...]) -> Any:
        """Return what a call of a listed constructor makes; nothing is imported or called by name."""
        if name in _NAMESPACES and not arguments:
            return {}
        if name in _RECONSTRUCT:
            return PickledArray((0,), np.dtype("u1"), _NOTHING, 0, (1,))
        if name == ("numpy", "dtype"):
            return _Dtype(_expect(arguments[0], str))
        if name == ("_codecs", "encode"):
            # Protocol 2 encodes bytes this way.
            text, encoding = arguments
            if _expect(encoding, str) != "latin1":
                raise ValueError(f"it encodes text as {encoding!r:.20}")
            if isinstance(text, Text):
                return text.encoded()
            self._budget.spend(len(_expect(text, str)))
            return text.encode("latin1")
        if name in _SCALAR:
            dtype, raw = arguments
            return _array(raw, _expect(dtype, _Dtype).dtype, (), "C").load().item()
        if name in _FROM_BUFFER:
            raw, dtype, shape, order = arguments
            return _array(raw, _expect(dtype, _Dtype).dtype, shape, _expect(order, str))
        if name == ("torch._utils", "_rebuild_tensor_v2"):
            storage, offset, shape, strides, *_ = arguments
            return _tensor(_expect(storage, _Storage), _expect(offset, int), _axes(shape), _axes(strides))
        raise ValueError(f"it calls {name[0]}.{name[1]} with arguments that no array has")


def _array(raw: Any, dtype: np.dtype[Any], shape: Any, order: str) -> PickledArray:
    axes = _axes(shape)
    section = raw if isinstance(raw, Section) else Section.of(_expect(raw, bytes))
    if math.prod(axes) * dtype.itemsize != section.n_bytes or order not in ("C", "F"):
        raise ValueError(f"an array declares {axes} of {dtype} and has {section.n_bytes:,} bytes")
    return PickledArray(axes, dtype, section, 0, _strides(axes, order))


def _strides(shape: tuple[int, ...], order: str) -> tuple[int, ...]:
    if order == "F":
        return _strides(shape[::-1], "C")[::-1]
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> PickledArray:
    if len(strides) != len(shape) or offset < 0 or any(stride < 0 for stride in strides):
        raise ValueError(f"a tensor declares {shape} with strides {strides}")
    last = offset + sum((axis - 1) * stride for axis, stride in zip(shape, strides, strict=True))
    # A stride of zero repeats one element any number of times: such a tensor is larger than the file.
    if math.prod(shape) and (last >= storage.length or math.prod(shape) > storage.length):
        raise ValueError(f"a tensor declares {shape} and its storage has {storage.length:,} elements")
    return PickledArray(shape, storage.dtype, storage.section, offset, strides)


def _axes(shape: Any) -> tuple[int, ...]:
    axes = tuple(_expect(axis, int) for axis in _expect(shape, tuple))
    if len(axes) > 8 or any(axis < 0 for axis in axes):
        raise ValueError(f"an array declares the shape {axes!r:.80}")
    return axes


def _key(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool | None):
        raise ValueError(f"a dictionary's key is a {type(value).__name__}")
    return value


def _expect(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"it has a {type(value).__name__} where a {kind.__name__.strip('_')} belongs")
    return value


_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "APPEND": lambda machine, _: machine._extend(machine._popped(1)),
    "APPENDS": lambda machine, _: machine._extend(machine._above_mark()),
    "SETITEM": lambda machine, _: machine._set_items(machine._popped(2)),
    "SETITEMS": lambda machine, _: machine._set_items(machine._above_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine._above_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine._popped(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine._popped(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine._popped(3))),
    "GLOBAL": lambda machine, argument: machine._push_name(*argument.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine._push_name(*machine._popped(2)),
    "REDUCE": lambda machine, _: machine._reduce(),
    "NEWOBJ": lambda machine, _: machine._reduce(),
    "BUILD": lambda machine, _: machine._build(),
    "BINPERSID": lambda machine, _: machine._persistent(),
}
_OPCODES = {*_CONSTANTS, *_VALUES, *_EMPTY, *_HANDLERS, "PROTO", "FRAME", "STOP", "MEMOIZE",
            "BINPUT", "LONG_BINPUT", "PUT", "BINGET", "LONG_BINGET", "GET"}  # fmt: skip
_NOTHING = Section.of(b"")
