"""Table of foreign formats that can be imported.

In reading order: ``candidates`` (types of the importers), ``array_files`` and ``readers.pickles`` (untrusted bytes to
arrays), ``tables`` (hyperparameters and steps), ``readers`` (the formats), ``import_plan`` (what would be imported),
``importing`` (the import).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from engine.formats.candidates import Candidate, Refusal, Request
from engine.formats.readers.epochs import find_epoch_files
from engine.formats.readers.hdf5 import find_hdf5_files
from engine.formats.readers.published import find_study_pickles
from engine.formats.readers.runs import find_whole_runs
from engine.formats.readers.weights import find_saved_weights


class Option(NamedTuple):
    """Option of the command line that serves one format; its name is an identifier."""

    name: str
    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class Format:
    """Foreign format with its importer.

    Attributes:
        reads: description of a valid source.
        find: yields the importable runs of a source and its refusals.
        needs: optional package it requires; empty if none.
        options: options that serve it alone; their values are `Request.options`.
    """

    key: str
    title: str
    reads: str
    find: Callable[[Request], Iterator[Candidate | Refusal]]
    needs: str = ""
    options: tuple[Option, ...] = ()


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
                "torch",
                (
                    Option("build", "MODULE:FUNCTION", "Builds the network from a run's hyperparameters."),
                    Option("inputs", "FILE", ".npz of the probes' inputs."),
                ),
            ),
        )
    }
)
"""Formats by the key of ``python -m engine import --format``."""
