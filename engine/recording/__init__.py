"""Recorders for training frameworks; each module imports its framework on first use.

``session`` records, ``probes`` checks that the samples and their order never change, and ``lightning``,
``huggingface`` and ``keras`` call it from their callbacks. A plain training loop needs only `engine.Recorder`.
"""

from __future__ import annotations
