"""A province's own synonyms, from a file beside its settings, on top of the national ones."""

from __future__ import annotations

from pathlib import Path

from ..core.decision import Refusal, Refused, refuse
from ..core.library import codes
from ..core.library.lexicon import extended, lexicon_of
from ..core.library.search import Lexicon
from ..data.resources import lexicon as national


def extended_lexicon(path: Path) -> Lexicon:
    """The national lexicon with the synonyms in a file.

    Raises:
        Refused: LIBRARY_FILE_UNREADABLE, LIBRARY_SYNONYMS_MALFORMED (with the line).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(refuse(codes.FILE_UNREADABLE, file=path)) from error
    own = lexicon_of(text, "")
    if isinstance(own, Refusal):
        raise Refused(own)
    return extended(national(), own)
