"""Whose certificate counts among those that this service's authority certifies beside members."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.holders import HolderStore

from .metadata import metadata

holders: Final = HolderStore(metadata)
