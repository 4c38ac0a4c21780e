"""Runs from elsewhere: one file per foreign format, one table of them, one plan, one way in.

In reading order: ``candidate`` (what importers speak), ``array_files`` and ``plain_pickle`` (hostile bytes to
arrays), ``run_tables`` and ``clock`` (hyperparameters and steps), the formats, ``plan`` (what would come in),
``arrival`` (how it does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.importers.candidate import Candidate, Refusal, Request
from engine.importers.epoch_files import find_epoch_files
from engine.importers.hdf5_files import find_hdf5_files
from engine.importers.saved_weights import find_saved_weights
from engine.importers.study_pickles import find_study_pickles
from engine.importers.whole_runs import find_whole_runs


@dataclass(frozen=True, slots=True)
class Format:
    """A foreign format.

    Attributes:
        key: its name on the command line.
        title: for people.
        reads: what a source must look like.
        find: the runs a source offers, and what it refuses.
        needs: an optional package, empty where there is none.
    """

    key: str
    title: str
    reads: str
    find: Callable[[Request], Iterator[Candidate | Refusal]]
    needs: str = ""


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        entry.key: entry
        for entry in (
            Format(
                "epochs",
                "A .npy file per epoch",
                "a folder per run with one .npy of (sample, class) per epoch; the last number in a file's name is the "
                "epoch, a word train, test or val in it the split",
                find_epoch_files,
            ),
            Format(
                "arrays",
                "Whole runs as arrays",
                "one .npy, .npz or .safetensors of (checkpoint, sample, class) per run, or one file of many runs; a "
                "table of runs beside it; arrays steps and epochs are the clock",
                find_whole_runs,
            ),
            Format(
                "study",
                "The published study's .p files",
                "torch.save of {data, configs} with log-probabilities yh and yvh; the file's name is the JSON of the "
                "configuration; only arrays of numbers are read, nothing in it is run",
                find_study_pickles,
            ),
            Format(
                "hdf5",
                "HDF5",
                "a file per run with a data set called data, or train and test, of (checkpoint, sample, class)",
                find_hdf5_files,
                "h5py",
            ),
            Format(
                "weights",
                "Saved weights, replayed",
                "a folder per run of state_dict files (.pt, .pth, .ckpt, .safetensors), the last number in a name is "
                "the epoch; --build names a function that builds the network, --inputs a .npz of the probes' inputs",
                find_saved_weights,
            ),
        )
    }
)
"""What can be imported, by the key that ``python -m engine import --format`` takes."""
