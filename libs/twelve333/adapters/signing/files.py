"""Keys and certificates on disk: written whole or not at all, private ones for their owner only, read with clear refusals."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from twelve333.core.decision import Refused, refuse

from . import codes

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_BYTES_MAX: Final = 256 * 1024


def read_file(path: Path) -> bytes:
    """Read a small file.

    Raises:
        Refused: SECURITY_FILE_MISSING, SECURITY_FILE_UNREADABLE, or SECURITY_FILE_MALFORMED when over 256 KiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise Refused(refuse(codes.FILE_MISSING, path=path)) from error
    except OSError as error:
        raise Refused(refuse(codes.FILE_UNREADABLE, path=path, reason=error.strerror or "")) from error
    if len(content) > _BYTES_MAX:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path))
    return content


def write_file(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Put `content` in place in one step and on disk: a reader, or a power cut, sees the old file or the new one.

    Args:
        path: its folder is made (0700) when absent.
        content: the bytes.
        mode: permission bits, set before a byte is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise Refused(refuse(codes.FILE_UNREADABLE, path=path, reason=error.strerror or "")) from error
    _sync_folder(path.parent)


@contextmanager
def put_together(folder: Path) -> Iterator[Path]:
    """A folder to write in beside `folder`, whose content is put there at the end: in one step if `folder` is not there yet.

    What an earlier try left behind is removed first.

    Raises:
        Refused: SECURITY_FILE_UNREADABLE.
    """
    made = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True, mode=0o700)
        yield made
        if not folder.exists():
            made.rename(folder)
        else:
            for part in made.iterdir():
                part.rename(folder / part.name)
            made.rmdir()
        _sync_folder(folder.parent)
    except OSError as error:
        raise Refused(refuse(codes.FILE_UNREADABLE, path=folder, reason=error.strerror or "")) from error


def changed_at(path: Path) -> int:
    """When a file was written last (nanoseconds), 0 if it cannot be looked at: what tells those who follow it to read it again."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def refuse_existing(path: Path) -> None:
    """Refuse to write over a file that would be lost for ever, such as an authority's key."""
    if path.exists():
        raise Refused(refuse(codes.FILE_EXISTS, path=path))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
