"""Stores: the `Database` port, its two implementations, migrations, and the tables of delivery."""

from .database import Database, Listener, Work, note, open_database
from .tables import DeliveryTables, delivery_tables
from .types import EnumText, UtcDateTime

__all__ = ["Database", "DeliveryTables", "EnumText", "Listener", "UtcDateTime", "Work", "delivery_tables", "note", "open_database"]
