"""Probe sets of torch models: fixed samples in fixed order, un-augmented."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.recording.prediction import evaluating, generators_kept, normalised
from engine.store.encoding import as_array

if TYPE_CHECKING:
    import torch

BATCH = 1024
_LABELS = ("labels", "label")


class Probe:
    """Probe set: a pair (inputs, labels), or a loader that yields the same batches on every pass.

    A loader's batch is a pair (inputs, labels), or a mapping with ``labels`` (or ``label``). The first pass fixes the
    order: its SHA-256 over inputs and labels is compared with that of every later pass. The constructor makes the
    first two passes. A loader that shuffles or augments would silently invalidate a study; it is refused.

    Args:
        split: name of the split, for messages.
        source: a pair of (sample, ...) inputs and (sample,) labels, or an iterable that can be iterated repeatedly.

    Raises:
        InvalidSpecError: not a pair, not iterable twice, or without labels.
        InvalidPredictionsError: the second pass yields other samples or another order.
    """

    def __init__(self, split: str, source: Any) -> None:
        is_pair = isinstance(source, tuple | list) and len(source) == 2 and hasattr(source[0], "shape")
        if not is_pair and (not isinstance(source, Iterable) or isinstance(source, Iterator)):
            raise InvalidSpecError(
                f"The {split} probe set must be (inputs, labels) or a loader that can be passed through again, "
                f"received a {type(source).__name__}."
            )
        self.split = split
        self._pair = (source[0], as_array(source[1])) if is_pair else None
        self._loader = source
        self._order = ""
        with generators_kept():
            self.labels: NDArray[Any] = np.concatenate([labels for _, labels in self._batches()])
            if not is_pair:
                _stir_generators()
                for _ in self._batches():
                    pass

    def predict(self, model: torch.nn.Module, forward: Callable[[Any, Any], Any] | None = None) -> NDArray[np.float32]:
        """Return (sample, class) log-probabilities without side effects on training (see `engine.predict`).

        If torch.distributed is initialised, every process must call this; each predicts some batches, with the buffers
        of process 0 (batch-norm statistics differ between processes), and all receive the whole result.

        Args:
            model: unwrapped model; under DistributedDataParallel its ``module``.
            forward: returns logits for (model, inputs); None calls the model and takes ``logits`` of its output.

        Raises:
            InvalidPredictionsError: other samples or another order than in the first pass, or no logits.
        """
        import torch

        forward = forward or logits_of
        rank, n_processes = _place()
        parts: dict[int, NDArray[np.float32]] = {}
        tensors = [*model.parameters(), *model.buffers()]
        device = tensors[0].device if tensors else torch.device("cpu")
        with torch.no_grad(), generators_kept(), evaluating(model), _buffers_of_first(model, n_processes):
            for index, (inputs, labels) in enumerate(self._batches()):
                if index % n_processes == rank:
                    remedy = f"pass forward=, a function of (model, inputs) (the {self.split} probe set)."
                    parts[index] = normalised(forward(model, _on(inputs, device)), len(labels), remedy)
        if n_processes > 1:
            gathered: list[Any] = [None] * n_processes
            torch.distributed.all_gather_object(gathered, parts)
            parts = {index: part for one in gathered for index, part in one.items()}
        return np.concatenate([parts[index] for index in range(len(parts))])

    def _batches(self) -> Iterator[tuple[Any, NDArray[Any]]]:
        """Yield (inputs, labels) of one pass; raise at its end if the digest differs from the first pass's."""
        seen = hashlib.sha256()
        for inputs, labels in self._pieces():
            for values in (*(inputs.values() if isinstance(inputs, Mapping) else (inputs,)), labels):
                seen.update(np.ascontiguousarray(as_array(values)).data)
            yield inputs, labels
        order = seen.hexdigest()
        if self._order and order != self._order:
            raise InvalidPredictionsError(
                f"The {self.split} probe set gave other samples, or another order, than at its first pass: it must not "
                "shuffle (shuffle=False), drop or augment. Nothing is recorded."
            )
        self._order = order

    def _pieces(self) -> Iterator[tuple[Any, NDArray[Any]]]:
        """Yield (inputs, labels) of the pair in slices, or of each batch of the loader."""
        if self._pair is not None:
            import torch

            inputs, labels = torch.as_tensor(self._pair[0]), self._pair[1]
            if len(inputs) != len(labels) or not len(labels):
                raise InvalidSpecError(f"The {self.split} probe set has {len(inputs)} inputs and {len(labels)} labels.")
            for first in range(0, len(labels), BATCH):
                yield inputs[first : first + BATCH], labels[first : first + BATCH]
            return
        is_empty = True
        for batch in self._loader:
            is_empty = False
            yield self._split_batch(batch)
        if is_empty:
            raise InvalidSpecError(f"The loader of the {self.split} probe set gives nothing.")

    def _split_batch(self, batch: Any) -> tuple[Any, NDArray[Any]]:
        if isinstance(batch, Mapping):
            name = next((name for name in _LABELS if name in batch), None)
            if name is not None:
                return {key: value for key, value in batch.items() if key != name}, as_array(batch[name])
        elif isinstance(batch, tuple | list) and len(batch) == 2:
            return batch[0], as_array(batch[1])
        raise InvalidSpecError(
            f"A batch of the {self.split} probe set must be (inputs, labels) or a mapping with 'labels', received a "
            f"{type(batch).__name__}."
        )


def _stir_generators() -> None:
    """Advance the random generators, as training would, so that anything depending on them changes."""
    import torch

    torch.rand(1)
    random.random()  # noqa: S311
    np.random.random()  # noqa: NPY002 - the global generator is what augmentations use


def logits_of(model: Any, inputs: Any) -> Any:
    """Return a model's output, or the ``logits`` in it."""
    output = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"]
    return getattr(output, "logits", output)


def _on(inputs: Any, device: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {name: _on(value, device) for name, value in inputs.items()}
    return inputs.to(device) if hasattr(inputs, "to") else inputs


def _place() -> tuple[int, int]:
    """Return this process's rank and the number of processes; (0, 1) without torch.distributed."""
    import torch

    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def _buffers_of_first(model: torch.nn.Module, n_processes: int) -> Iterator[None]:
    """Context in which the model has the buffers of process 0; its own are restored at the end."""
    import torch

    if n_processes == 1:
        yield
        return
    kept = [buffer.clone() for buffer in model.buffers()]
    try:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)
        yield
    finally:
        for buffer, value in zip(model.buffers(), kept, strict=True):
            buffer.copy_(value)
