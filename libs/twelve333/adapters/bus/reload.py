"""Telling a broker on this machine to read certificate and roots anew; sessions that stand are kept.

Source: nats-server, signal HUP ("reload configuration"), process id from the `pid_file` of its settings.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

PID_FILE: Final = "nats-server.pid"
_PROGRAM: Final = "nats-server"


def reload_broker(folder: Path) -> bool:
    """Signal the broker whose settings lie in `folder`; False if none runs here, or it is not ours to signal.

    The number in the file may be of a process that ended long ago and belong to another one now, so its name is asked for first.
    """
    try:
        pid = int((folder / PID_FILE).read_text(encoding="ascii").strip())
        if not Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip().startswith(_PROGRAM):
            return False
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True
