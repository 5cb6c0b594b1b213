# SPDX-License-Identifier: MIT
"""All of CPython's backends by name."""

from __future__ import annotations

from backends import (
    Backend,
    CpythonManagerQueue,
    CpythonPipeDuplex,
    CpythonPipeOneway,
    CpythonQueue,
    CpythonSimpleQueue,
)
from manager import CpythonManager
from processes import (
    CpythonPool,
    CpythonProcess,
    CpythonProcesses,
    CpythonProcessPair,
    CpythonProcessPerTask,
    CpythonThread,
    CpythonThreadPair,
    CpythonThreads,
)
from shared import (
    CpythonArray,
    CpythonArraySemaphore,
    CpythonLock,
    CpythonRawArray,
    CpythonRawValue,
    CpythonRlock,
    CpythonValue,
)

BACKENDS: dict[str, type[Backend]] = {
    backend.name: backend
    for backend in (
        CpythonPipeDuplex,
        CpythonPipeOneway,
        CpythonQueue,
        CpythonSimpleQueue,
        CpythonManagerQueue,
        CpythonValue,
        CpythonRawValue,
        CpythonArray,
        CpythonRawArray,
        CpythonArraySemaphore,
        CpythonLock,
        CpythonRlock,
        CpythonProcess,
        CpythonThread,
        CpythonPool,
        CpythonProcessPerTask,
        CpythonProcesses,
        CpythonThreads,
        CpythonProcessPair,
        CpythonThreadPair,
        CpythonManager,
    )
}
