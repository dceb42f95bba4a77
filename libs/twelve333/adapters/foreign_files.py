"""Reads files that other people made: text of any Chinese encoding, tables from CSV and Excel, Word as Markdown; hostile ones are refused.

An Office file is a ZIP: before it is opened its parts are counted, its unpacked size and ratio are bounded by what its directory says (the
reader never unpacks more than that), and a part with a document type, by which entities could grow without end, is refused.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from ..core.decision import Code, Kind, Refused, refuse
from ..core.library import codes

if TYPE_CHECKING:
    from docx.document import Document

TEXT_BYTES_MAX: Final = 4 << 20
TABLE_BYTES_MAX: Final = 64 << 20
UNPACKED_BYTES_MAX: Final = 256 << 20
RATIO_MAX: Final = 200
PARTS_MAX: Final = 10_000
RATIO_FREE: Final = 1 << 20  # small parts may be as dense as they like
ROWS_MAX: Final = 200_000

FILE_TOO_LARGE: Final = Code("LIBRARY_FILE_TOO_LARGE", Kind.EXHAUSTED)
FILE_HOSTILE: Final = Code("LIBRARY_FILE_HOSTILE", Kind.INVALID)
FILE_NOT_OFFICE: Final = Code("LIBRARY_FILE_NOT_OFFICE", Kind.INVALID)
OFFICE_MISSING: Final = Code("LIBRARY_OFFICE_MISSING", Kind.UNAVAILABLE)


def read_text(path: Path, limit: int = TEXT_BYTES_MAX) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, else GB 18030.

    Raises:
        Refused: LIBRARY_FILE_TOO_LARGE, LIBRARY_FILE_UNREADABLE.
    """
    content = read_bytes(path, limit)
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Refused(refuse(codes.FILE_UNREADABLE, file=path.name))


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file, never more than `limit`.

    Raises:
        Refused: LIBRARY_FILE_TOO_LARGE, LIBRARY_FILE_UNREADABLE.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Refused(refuse(codes.FILE_UNREADABLE, file=path.name)) from error
    if len(content) > limit:
        raise Refused(refuse(FILE_TOO_LARGE, file=path.name, limit=limit >> 20))
    return content


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file with their number, as a spreadsheet counts them; as `read_text`.

    Cells are parted by what parts the columns of the first line: commas, semicolons or tabs.
    """
    text = read_text(path, TABLE_BYTES_MAX)
    parting = max(",;\t", key=text.partition("\n")[0].count)
    limit = csv.field_size_limit(TEXT_BYTES_MAX)  # of the whole process: other files have their own
    try:
        yield from enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=parting), 1)
    except csv.Error as error:
        raise Refused(refuse(codes.FILE_UNREADABLE, file=path.name)) from error
    finally:
        csv.field_size_limit(limit)


def excel_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first sheet of an Excel file with their number, each cell as text.

    Raises:
        Refused: LIBRARY_FILE_*, LIBRARY_OFFICE_MISSING.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise Refused(refuse(OFFICE_MISSING, file=path.name)) from error
    with _office(path) as file:
        try:
            sheet = load_workbook(file, read_only=True, data_only=True).worksheets[0]
            for number, row in enumerate(sheet.iter_rows(values_only=True, max_row=ROWS_MAX), 1):
                yield number, [_cell(value) for value in row]
        except (KeyError, ValueError, IndexError, TypeError, SyntaxError, zipfile.BadZipFile, OSError) as error:
            raise Refused(refuse(FILE_NOT_OFFICE, file=path.name)) from error


def word_markdown(path: Path) -> tuple[dict[str, str], str]:
    """A Word file as Markdown, and the two-column table at its front, if there is one, as named fields.

    Raises:
        Refused: LIBRARY_FILE_*, LIBRARY_OFFICE_MISSING.
    """
    try:
        import docx
    except ImportError as error:
        raise Refused(refuse(OFFICE_MISSING, file=path.name)) from error
    with _office(path) as file:
        try:
            return _markdown(docx.Document(file))
        except (KeyError, ValueError, TypeError, SyntaxError, AttributeError, zipfile.BadZipFile, OSError) as error:
            raise Refused(refuse(FILE_NOT_OFFICE, file=path.name)) from error


def write_excel(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text as the one sheet of an Excel file, without control characters, which it has no form for.

    Raises:
        Refused: LIBRARY_OFFICE_MISSING.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError as error:
        raise Refused(refuse(OFFICE_MISSING, file=path.name)) from error
    book = Workbook(write_only=True)
    sheet = book.create_sheet("entries")
    for cells in rows:
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", cell) for cell in cells])
    with path.open("wb") as file:
        book.save(file)


def _office(path: Path) -> IO[bytes]:
    """An Office file that may be opened."""
    content = io.BytesIO(read_bytes(path, TABLE_BYTES_MAX))
    try:
        with zipfile.ZipFile(content) as parts:
            listed = parts.infolist()
            whole = sum(part.file_size for part in listed)
            dense = any(part.file_size > RATIO_FREE and part.file_size > RATIO_MAX * max(1, part.compress_size) for part in listed)
            if len(listed) > PARTS_MAX or whole > UNPACKED_BYTES_MAX or dense or any(map(_has_document_type(parts), listed)):
                raise Refused(refuse(FILE_HOSTILE, file=path.name))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Refused(refuse(FILE_NOT_OFFICE, file=path.name)) from error
    content.seek(0)
    return content


def _has_document_type(parts: zipfile.ZipFile) -> Any:
    """Whether the front of an XML part declares a document type."""

    def look(part: zipfile.ZipInfo) -> bool:
        if not part.filename.endswith((".xml", ".rels")):
            return False
        with parts.open(part) as file:
            return b"<!DOCTYPE" in file.read(4096)

    return look


def _cell(value: object) -> str:
    """A cell as text; a day as ISO 8601, a whole number without a point."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _markdown(document: Document) -> tuple[dict[str, str], str]:
    """Headings, paragraphs and tables in their order."""
    from docx.table import Table

    head: dict[str, str] = {}
    lines: list[str] = []
    for place, block in enumerate(document.iter_inner_content()):
        if not isinstance(block, Table):
            style, text = (block.style.name or "") if block.style else "", block.text.strip()
            level = 1 if style == "Title" else int(style[-1]) if style.startswith("Heading ") and style[-1].isdigit() else 0
            lines.append(f"{'#' * level} {text}".strip() if text else "")
        elif place == 0 and len(block.columns) == 2:
            head = {key: value for key, value in ((row.cells[0].text.strip(), row.cells[1].text.strip()) for row in block.rows) if key}
        else:
            lines.extend(_table_row([cell.text for cell in dict.fromkeys(row.cells)]) for row in block.rows)  # a merged cell stands once
    return head, "\n\n".join(line for line in lines if line)


def _table_row(cells: Sequence[str]) -> str:
    return " | ".join(" ".join(cell.split()) for cell in cells)
