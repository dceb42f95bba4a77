"""The books of calls between the core and protobuf."""

from __future__ import annotations

from ..api.routing.v1 import books_pb2 as pb
from ..core.routing.books import Books, Direction


def books_to_wire(books: Books) -> pb.CallBooks:
    """Books as they travel."""
    return pb.CallBooks(
        direction=books.direction.value,
        came=books.came,
        placing=books.placing,
        waiting=books.waiting,
        talking=books.talking,
        ended=books.ended,
        failed=books.failed,
        missing=books.missing,
    )


def books_from_wire(books: pb.CallBooks) -> Books:
    """Books as a node showed them."""
    direction = Direction.INCOMING if books.direction == Direction.INCOMING else Direction.OUTGOING
    return Books(direction, books.came, books.placing, books.waiting, books.talking, books.ended, books.failed)
