"""Exceptions of the engine.

Each message states what was refused, the rule it broke, the value received and the remedy.
"""


class EngineError(Exception):
    """Base class of all exceptions that the engine raises on purpose."""


class InvalidPredictionsError(EngineError, ValueError):
    """Predictions that are not probability distributions of the stated shape."""


class InvalidSpecError(EngineError, ValueError):
    """An argument (divergence, split, number of components, shape, ...) that is unknown, invalid or out of range."""


class SelectionError(InvalidSpecError):
    """A selection with too few or with unknown runs or checkpoints."""


class StudyError(EngineError):
    """A study folder that cannot be used."""


class StudyNotFoundError(StudyError, FileNotFoundError):
    """No study of this name or at this path."""


class StaleStudyError(StudyError, LookupError):
    """A state of a study that is no longer held or has been overwritten."""


class StudyFormatError(StudyError, ValueError):
    """A study folder whose own files are damaged or of a newer format; `file` names the file if known."""

    def __init__(self, message: str, file: str = "") -> None:
        super().__init__(message)
        self.file = file


class RunError(EngineError):
    """A run folder that cannot be used."""


class RunFormatError(RunError, ValueError):
    """A damaged, half-written or wrong-shaped run; `file` names the file in its folder if known."""

    def __init__(self, message: str, file: str = "") -> None:
        super().__init__(message)
        self.file = file


class RunLockedError(RunError, BlockingIOError):
    """A second writer for a run that is being written."""


class RunMismatchError(RunError, ValueError):
    """A run that does not fit the study it is recorded into."""


class ImportSourceError(EngineError, ValueError):
    """A file, folder or table that cannot be imported: damaged, of another format, too large, or ambiguous."""


class MissingPackageError(EngineError, ImportError):
    """An optional package that this format or framework needs is not installed."""


class CacheError(EngineError):
    """A cache folder that cannot be used."""


class UnwritableCacheError(CacheError):
    """A cache folder that is full or may not be written."""


class DamagedDistancesError(CacheError):
    """Distances on disk that were damaged or cut short while they were being read."""


class SavedFileError(EngineError):
    """Saved views or selections that cannot be read or written."""


class ViewNotFoundError(SavedFileError, LookupError):
    """No saved view with this id."""


class SelectionNotKeptError(SavedFileError, LookupError):
    """No intact saved selection of this name."""


class DeviceError(EngineError, RuntimeError):
    """The requested device is not on this machine."""


class MemoryBudgetError(EngineError, MemoryError):
    """A computation that needs more memory than exists or is allowed; raised before it begins."""


class SceneNotReadyError(EngineError, LookupError):
    """No scene is stored under this key: never requested, still being computed, or evicted."""


class JobCancelled(EngineError):
    """A computation that was cancelled by request."""
