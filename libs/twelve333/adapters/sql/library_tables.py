"""Tables of a library replica, the same at the hub and at a node, and its search index.

The index is not a declared table: FTS5 on SQLite, a column of bigrams under GIN on PostgreSQL. Its name starts with `library_index`,
which the comparison of schemas leaves out. Entries stay narrow, contents lie apart, so that a search over thousands of candidates
reads few pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Date, Index, Integer, LargeBinary, MetaData, Table, Text, text

from .types import UtcDateTime


@dataclass(frozen=True, slots=True)
class LibraryTables:
    """The tables by name."""

    library_entries: Table
    library_contents: Table
    library_releases: Table
    library_links: Table
    library_pieces: Table
    library_marks: Table
    library_tombstones: Table
    library_waiting: Table


def library_tables(metadata: MetaData) -> LibraryTables:
    """Declare the tables of a replica in a service's `metadata`, or return those declared before."""
    if "library_entries" in metadata.tables:
        return LibraryTables(**{name: metadata.tables[name] for name in LibraryTables.__slots__})
    return LibraryTables(*(make(metadata) for make in (_entries, _contents, _releases, _links, _pieces, _marks, _tombstones, _waiting)))


def create_index(connection: Connection) -> None:
    """Make the search index; used where tables are made without migrations (the migration spells it out itself)."""
    for statement in INDEX_STATEMENTS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


INDEX_STATEMENTS: Final = {
    "sqlite": (
        "CREATE VIRTUAL TABLE library_index USING fts5(grams, content='', detail=none, tokenize='ascii')",
        "CREATE VIRTUAL TABLE library_index_terms USING fts5vocab(library_index, 'row')",
        "CREATE VIRTUAL TABLE library_index_rows USING fts5vocab(library_index, 'instance')",
        "INSERT INTO library_index(library_index, rank) VALUES ('hashsize', 8388608)",  # gathered before a segment is written
    ),
    "postgresql": (
        "CREATE TABLE library_index (row_id bigint PRIMARY KEY, grams tsvector NOT NULL)",
        "CREATE INDEX library_index_grams ON library_index USING gin (grams)",
    ),
}


_WITHHELD: Final = "withheld IS NOT NULL"


def _entries(metadata: MetaData) -> Table:
    return Table(
        "library_entries",
        metadata,
        Column("row_id", Integer, primary_key=True),
        Column("entry_id", Text, nullable=False, unique=True),
        Column("version", Integer, nullable=False),
        Column("release", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False, server_default="0"),  # in the change log; 0 from a program that did not count
        Column("digest", LargeBinary, nullable=False),  # SHA-256 of the content
        Column("kind", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("topics", Text, nullable=False),  # codes, each with a space before it
        Column("valid_from", Date, nullable=True),
        Column("valid_to", Date, nullable=True),
        Column("title", Text, nullable=False),
        Column("seal", LargeBinary, nullable=True),  # over what the row says beside its content; none from a program that knew none
        Column("recorded_at", UtcDateTime, nullable=True),  # when its release was made, if known
        # What follows is read from the content, and read again when a program knows more of it than the one that wrote the row.
        Column("derived", Integer, nullable=True),
        Column("document", Text, nullable=True),
        Column("number", Text, nullable=True),  # of the document, as it is compared
        Column("owner_unit", Text, nullable=True),
        Column("review_due", Date, nullable=True),
        Column("applies_from", Date, nullable=True),
        Column("applies_to", Date, nullable=True),
        Column("attached", Integer, nullable=True),  # files that belong to it
        Column("withheld", Integer, nullable=True),  # 1: shown to nobody until the next release is in use
        Index("ix_library_entries_document", "document"),
        Index("ix_library_entries_number", "number"),
        Index("ix_library_entries_sequence", "sequence"),
        Index("ix_library_entries_review_due", "review_due"),
        Index("ix_library_entries_withheld", "withheld", sqlite_where=text(_WITHHELD), postgresql_where=text(_WITHHELD)),
    )


def _links(metadata: MetaData) -> Table:
    return Table(
        "library_links",
        metadata,
        Column("row_id", Integer, primary_key=True, autoincrement=False),  # of the entry that has the link
        Column("target", Text, primary_key=True),  # id of an entry, or a document
        Column("kind", Text, primary_key=True),
        Column("since", Date, nullable=True),
        Index("ix_library_links_target", "target"),
    )


def _pieces(metadata: MetaData) -> Table:
    return Table(
        "library_pieces",
        metadata,
        Column("digest", Text, primary_key=True),  # SHA-256 of the content, hexadecimal
        Column("content", LargeBinary, nullable=False),  # at most 1 MiB
        Column("kept_at", UtcDateTime, nullable=False),
        Column("unused_since", UtcDateTime, nullable=True),  # nothing names it since then, as far as was looked
    )


def _contents(metadata: MetaData) -> Table:
    return Table(
        "library_contents",
        metadata,
        Column("row_id", Integer, primary_key=True, autoincrement=False),
        Column("content", LargeBinary, nullable=False),  # serialised Entry, byte for byte
    )


def _releases(metadata: MetaData) -> Table:
    return Table(
        "library_releases",
        metadata,
        Column("epoch", BigInteger, primary_key=True, autoincrement=False),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("document", LargeBinary, nullable=False),  # SignedDocument, byte for byte
        Column("applied_at", UtcDateTime, nullable=False),
        Column("horizon", BigInteger, nullable=False, server_default="0"),  # since this sequence every removal is known here
    )


def _tombstones(metadata: MetaData) -> Table:
    return Table(
        "library_tombstones",
        metadata,
        Column("entry_id", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("release", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("reason", Text, nullable=False),
        Column("successor", Text, nullable=False),
        Column("removed_at", UtcDateTime, nullable=False),
        Index("ix_library_tombstones_sequence", "sequence"),
    )


def _marks(metadata: MetaData) -> Table:
    return Table(
        "library_marks",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),  # one row: 1
        Column("stamp", BigInteger, nullable=False),  # goes up with every change of the entries
        Column("last_row", Integer, nullable=False),  # the highest row ever given to an entry
    )


def _waiting(metadata: MetaData) -> Table:
    return Table(
        "library_waiting",
        metadata,
        Column("row_id", Integer, primary_key=True, autoincrement=False),  # of a content that is not in the index yet
        Column("bytes", Integer, nullable=False),  # of that content
    )
