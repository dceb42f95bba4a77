"""Keeps the broker to the members there are: writes its configuration anew and has it read at once, which ends the sessions of who is gone.

The broker may run beside the hub: then it is told by a signal, found by the `pid_file` of its own configuration. Or elsewhere with the
folder of its configuration shared: then a reloader beside it watches the file. A broker that is down reads the file when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.decision import Refused, refuse
from ...core.delivery.codes import BROKER_CONFIG_UNREADABLE
from ..signing.files import read_file, write_file
from ..telemetry.logs import logger
from .reload import PID_FILE, reload_broker
from .server_config import admitted_by, read_server_config, user_of, with_members

log = logger("delivery")


class Membership:
    """The broker's configuration as a file of the hub.

    Args:
        config: the file; if there is none, the broker is somebody else's and nothing is done.
    """

    def __init__(self, config: Path) -> None:
        self._config = config.absolute()
        self._told = ""  # what the server was last told to read

    def use(self, members: Mapping[str, str]) -> bool:
        """Let in these members, each with this key, and nobody else; the same again changes nothing.

        Args:
            members: name (`hub` or province code) to the fingerprint of its key.

        Returns:
            False if there is a step left: a member that comes with another key is out for one step, which ends the sessions that the
            key before still has.

        Raises:
            Refused: DELIVERY_BROKER_CONFIG_UNREADABLE, SECURITY_FILE_UNREADABLE.
        """
        if not self._config.exists():
            return True
        text, settings = self._read()
        changed = _with_another_key(settings, members)
        wanted = with_members(settings, {name: key for name, key in members.items() if name not in changed})
        if wanted != text:
            write_file(self._config, wanted.encode())
            log.info("broker members written", count=len(members) - len(changed))
        if wanted != self._told:
            if not reload_broker(self._config.parent):
                log.warning("broker is not on this machine, or down: where it runs, it must read its settings anew")
            self._told = wanted
        return not changed

    def _read(self) -> tuple[str, dict[str, Any]]:
        try:
            text = read_file(self._config).decode()
            settings = read_server_config(text)
            if Path(settings["tls"]["cert_file"]).parent == self._config.parent:  # as `hub init` laid it out, before there was a pid_file
                settings.setdefault("pid_file", str(self._config.parent / PID_FILE))
            return text, settings
        except (ValueError, LookupError, TypeError) as error:
            raise Refused(refuse(BROKER_CONFIG_UNREADABLE, path=self._config)) from error


def _with_another_key(settings: Mapping[str, Any], members: Mapping[str, str]) -> set[str]:
    """Who is let in now, but not with this key."""
    now = admitted_by(settings)
    return {name for name, key in members.items() if now.keys is not None and user_of(name) in now.users and key not in now.keys}
