"""Every way the engine refuses, as one tree.

Each message says what was refused, which rule it broke, the value received, and what to do next::

    EngineError
    ├── InvalidPredictionsError  (ValueError)         predictions that are no probability distributions
    ├── InvalidSpecError         (ValueError)         a question the engine cannot make sense of
    │   └── SelectionError                            too few or unknown runs or checkpoints
    ├── StudyError                                    a study folder that cannot be used
    │   ├── StudyNotFoundError   (FileNotFoundError)
    │   ├── StaleStudyError      (LookupError)        a former state of it is asked about and not held any more
    │   └── StudyFormatError     (ValueError)
    ├── RunError                                      a run folder that cannot be used
    │   ├── RunFormatError       (ValueError)         damaged, half-written, wrong-shaped
    │   ├── RunLockedError       (BlockingIOError)    a second writer
    │   └── RunMismatchError     (ValueError)         does not fit the study it is recorded into
    ├── ImportSourceError    (ValueError)         something that was to be imported and cannot be
    ├── MissingPackageError  (ImportError)        an optional package that is not installed
    ├── CacheError                                    a cache folder that cannot be used
    ├── KeepsakeError                                 saved views or selections that cannot be read or written
    │   ├── ViewNotFoundError    (LookupError)        no saved view of this id
    │   └── SelectionNotKeptError (LookupError)       no selection is kept under this name
    ├── DeviceError              (RuntimeError)       the requested device is not there
    ├── MemoryBudgetError        (MemoryError)        more memory is needed than may be taken
    ├── SceneNotReadyError       (LookupError)        no scene of this key is kept
    └── JobCancelled                                  the computation was cancelled, by request
"""


class EngineError(Exception):
    """Base class of everything the engine raises on purpose."""


class InvalidPredictionsError(EngineError, ValueError):
    """Predictions that are not probability distributions of the stated shape."""


class InvalidSpecError(EngineError, ValueError):
    """A question (divergence, split, number of components, ...) that has no answer."""


class SelectionError(InvalidSpecError):
    """A selection with too few or with unknown runs or checkpoints."""


class StudyError(EngineError):
    """A study folder that cannot be used."""


class StudyNotFoundError(StudyError, FileNotFoundError):
    """No study of this name or at this path."""


class StaleStudyError(StudyError, LookupError):
    """Somebody asks about a state of a study that is not held any more, or that has been overwritten."""


class StudyFormatError(StudyError, ValueError):
    """A study folder whose own files are damaged or of a newer format; `file` is the one, where it is known."""

    def __init__(self, message: str, file: str = "") -> None:
        super().__init__(message)
        self.file = file


class RunError(EngineError):
    """A run folder that cannot be used."""


class RunFormatError(RunError, ValueError):
    """A damaged, half-written or wrong-shaped run; `file` is the one in its folder, where it is known."""

    def __init__(self, message: str, file: str = "") -> None:
        super().__init__(message)
        self.file = file


class RunLockedError(RunError, BlockingIOError):
    """A second writer asked for a run that is being written."""


class RunMismatchError(RunError, ValueError):
    """A run that does not fit the study it is recorded into."""


class ImportSourceError(EngineError, ValueError):
    """A file, folder or table that cannot be imported: damaged, of another format, too large, or ambiguous."""


class MissingPackageError(EngineError, ImportError):
    """An optional package that this format or framework needs is not installed."""


class CacheError(EngineError):
    """A cache folder that cannot be used."""


class KeepsakeError(EngineError):
    """What people keep (saved views, selections that links name) cannot be read or written."""


class ViewNotFoundError(KeepsakeError, LookupError):
    """No saved view has this id."""


class SelectionNotKeptError(KeepsakeError, LookupError):
    """No intact selection is kept under this name."""


class DeviceError(EngineError, RuntimeError):
    """The requested device is not on this machine."""


class MemoryBudgetError(EngineError, MemoryError):
    """A computation that needs more memory than there is, or than it may take; raised before it begins."""


class SceneNotReadyError(EngineError, LookupError):
    """No scene of this key is kept: it was never asked for, is still being computed, or was evicted."""


class JobCancelled(EngineError):
    """The computation was cancelled, by request."""
