"""Execute one notebook by papermill, with atomic output and an error of one line."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from lib.base.errors import NotAvailable
from lib.base.files import ROOT, writable

START_TRIES = 3
"""How often to try: kernels that start at the same time sometimes clash over a port. No other error is tried again."""


class ThisPython(AsyncKernelManager):
    """Starts a kernel with the Python that runs this, whatever the user has installed under the kernel's name."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The command that Jupyter starts."""
        return KernelSpec(**get_kernel_dict())


def execute(
    source: Path, output: Path, parameters: dict[str, Any], kernel: str, progress: bool, timeout: int
) -> dict[str, Any]:
    """Run to a temporary name, then put the file in place.

    Returns the fields of `Outcome` that differ from those of a good run; none for a good run.
    """
    with writable(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".partial.{output.name}")
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    try:
        _execute_with_retry(source, partial, parameters, kernel, progress, timeout)
    except PapermillExecutionError as error:
        cell = error.exec_count if isinstance(error.exec_count, int) else None
        if error.ename == NotAvailable.__name__:
            return {"status": "skipped", "message": _line(error.evalue), "cell": cell}
        os.replace(partial, failed)
        text = f"{source.stem}, cell [{cell}]: {error.ename}: {_line(error.evalue)} (see {_shown(failed)})"
        return {"status": "failed", "message": text, "cell": cell}
    except CellTimeoutError:
        return {"status": "failed", "message": f"{source.stem}: a cell took more than {timeout} s"}
    except DeadKernelError:
        text = f"{source.stem}: the kernel died; often this means that memory ran out"
        return {"status": "failed", "message": text}
    except Exception as error:  # a kernel may fail in other ways: one line, and the other notebooks go on
        return {"status": "failed", "message": f"{source.stem}: {type(error).__name__}: {_line(str(error))}"}
    else:
        os.replace(partial, output)
        return {}
    finally:
        partial.unlink(missing_ok=True)


def _execute_with_retry(
    source: Path, partial: Path, parameters: dict[str, Any], kernel: str, progress: bool, timeout: int
) -> None:
    os.environ["COMPANION_QUIET"] = "1"  # kernels inherit it; papermill rewrites the notebook at every step of a bar
    for attempt in range(1, START_TRIES + 1):
        try:
            papermill.execute_notebook(
                source,
                partial,
                parameters,
                kernel_name=kernel,
                **({"kernel_manager_class": ThisPython} if kernel == NATIVE_KERNEL_NAME else {}),
                language="python",
                cwd=ROOT,
                execution_timeout=timeout,
                # Silence the kernel: its warnings about local sockets or interrupts say nothing to a reader.
                extra_arguments=["--IPKernelApp.log_level=50"],
                progress_bar={"desc": source.stem, "leave": False, "disable": None} if progress else False,
            )
            return
        except Exception as error:
            if attempt == START_TRIES or not _is_start_failure(error):
                raise
            time.sleep(random.uniform(1, 3) * attempt)  # noqa: S311  # a pause, not a secret


def _is_start_failure(error: Exception) -> bool:
    """True for the two errors of a failed start; jupyter_client has no separate type for them."""
    return type(error) is RuntimeError and str(error).startswith(
        ("Kernel died before replying", "Kernel didn't respond")
    )


def _line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
