"""The one collection of tables of a province node; each capability declares its own in `store/<capability>.py`."""

from __future__ import annotations

from sqlalchemy import MetaData

from twelve333.adapters.sql.tables import delivery_tables

metadata = MetaData()
delivery = delivery_tables(metadata)
