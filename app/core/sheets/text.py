"""Texts in cells: kept from being taken for formulas, and from being bent by the file's own rules.

Both ways are exact: what is written is what is read, whatever the text. XLSX alone cannot hold two characters, U+FFFE
and U+FFFF, which stand for no text: it gets the replacement character instead.
"""

import re

_STARTS_LIKE_A_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r\n]")
_NOT_FOR_XML = re.compile(r"[\x00-\x08\x0b-\x1f]|_(?=x[0-9A-Fa-f]{4}_)")
_NO_CHARACTERS = {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}


def neutralised(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula: with an apostrophe before it, if need be.

    A text that begins with apostrophes and would look neutralised gets one more, so that `restored` undoes it.

    Source: OWASP, CSV Injection.
    """
    return f"'{text}" if _STARTS_LIKE_A_FORMULA.match(text) else text


def restored(text: str) -> str:
    """Return the text that `neutralised` was given."""
    return text[1:] if _NEUTRALISED.match(text) else text


def escaped_for_xlsx(text: str) -> str:
    """Return a text as XLSX stores it: what XML cannot hold, or would change, as `_xHHHH_`.

    Source: ECMA-376 part 1, 22.9.2.19 (ST_Xstring).
    """
    return _NOT_FOR_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text).translate(_NO_CHARACTERS)
