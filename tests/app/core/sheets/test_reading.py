"""Files that are hostile, broken, or something else: told so, by a process that ends; the service lives on."""

import io
import tempfile
import zipfile
from pathlib import Path

import psutil
import pytest

from app.core.errors import DomainError
from app.core.settings import Settings
from app.core.sheets.errors import FileTooLarge, UnreadableFile
from app.core.sheets.parts import Limits
from app.core.sheets.program import answer
from app.core.sheets.reading import MAX_COLUMNS, Odd, Sheet, SheetReader
from tests.app.capacity.files import as_csv, as_xlsx

SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
MIB = 1 << 20


async def read(content: bytes, **settings: float) -> Sheet:
    """Return the table in a file, read as the service does."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return await SheetReader(Settings.model_validate(settings)).read(file)


def replaced(parts: dict[str, bytes], *, repeat: int = 1) -> bytes:
    """Return a workbook with some parts replaced, each written so many times over."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(as_xlsx([["a"]]))) as source,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            with target.open(name, "w") as part:
                for _ in range(repeat if name in parts else 1):
                    part.write(parts[name] if name in parts else source.read(name))
    return made.getvalue()


def with_cells(*cells: str) -> bytes:
    """Return a workbook whose sheet has these cells."""
    xml = f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(cells)}</sheetData></worksheet>'
    return replaced({SHEET: xml.encode()})


def readers() -> list[psutil.Process]:
    """Return the processes of this one that still read."""
    return [one for one in psutil.Process().children(recursive=True) if "app.core.sheets.program" in one.cmdline()]


def lying(content: bytes) -> bytes:
    """Return an archive in which the sheet's size, unpacked, is said to be small."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo(SHEET).file_size
    return content.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little"))


def strings() -> bytes:
    """Return shared texts by entities that are made of entities."""
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(97 + level)} "{f"&{chr(96 + level)};" * 10}">' for level in range(1, 10)
    )
    return f'<!DOCTYPE sst [{entities}]><sst xmlns="{MAIN}"><si><t>&j;</t></si></sst>'.encode()


BOMBS = {
    "half a gigabyte of nothing": lambda: replaced({SHEET: b" " * MIB}, repeat=512),
    "a cell at the far corner": lambda: with_cells(
        '<row r="1"><c r="A1"><v>1</v></c></row>', '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    ),
    "a size that is not true": lambda: lying(replaced({SHEET: b" " * MIB}, repeat=512)),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_is_told_so_and_leaves_nothing(bomb: str) -> None:
    content = BOMBS[bomb]()
    assert len(content) < MIB
    before = psutil.Process().memory_info().rss
    with pytest.raises(DomainError) as refusal:
        await read(content)
    assert isinstance(refusal.value, FileTooLarge | UnreadableFile)
    assert refusal.value.status in {413, 422}
    assert refusal.value.faults[0].pointer == "/file"
    assert psutil.Process().memory_info().rss - before < 64 * MIB
    assert readers() == []


async def test_entities_are_not_unfolded() -> None:
    try:
        sheet = await read(replaced({"xl/sharedStrings.xml": strings()}))
    except (FileTooLarge, UnreadableFile):
        return
    assert sum(len(str(cell)) for row in [sheet.header, *(one.cells for one in sheet.rows)] for cell in row) < 1_000


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(FileTooLarge, match="too long"):
        await read(as_csv([["a"], ["b"]]), import_seconds=0.01)
    assert readers() == []


NO_TABLES: list[tuple[bytes, str]] = [
    (b"", "is empty"),
    (b"\r\n \n", "is empty"),
    (b"\xef\xbb\xbf", "is empty"),
    (b"\n;;;\n", "is empty"),
    (as_xlsx([]), "is empty"),
    ("début\n".encode("cp1252"), "Line 1 is not text in UTF-8"),
    ("a\nb\n\xe9t\xe9".encode("cp1252"), "Line 3 is not text in UTF-8"),
    ("a;b".encode("utf-16"), "UTF-16"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "old .xls file"),
    (b"PK\x03\x04 and no more", "damaged"),
    (b"%PDF-1.7\x00\x01", "neither CSV nor XLSX"),
    (b'a,b\n"open,1', "not well-formed CSV"),
    (b"a\n" + b"x" * 200_000, "not well-formed CSV"),
    (as_csv([["a"]] * 12), "more than 10 rows"),
    (as_xlsx([["a"]] * 12), "more than 10 rows"),
    (as_csv([["a"] * (MAX_COLUMNS + 1)]), f"more than {MAX_COLUMNS} columns"),
    (as_xlsx([["a"] * (MAX_COLUMNS + 1)]), f"more than {MAX_COLUMNS} columns"),
    (replaced({SHEET: b"<worksheet"}), "damaged"),
    (replaced({"xl/workbook.xml": b"no xml"}), "damaged"),
]


@pytest.mark.parametrize(
    ("content", "said"), NO_TABLES, ids=[f"{number} {said}" for number, (_, said) in enumerate(NO_TABLES)]
)
def test_what_is_no_table_is_told_what_to_do(content: bytes, said: str) -> None:
    told = answer(content, Limits(10, MAX_COLUMNS))
    assert told["refused"] == "unreadable"
    assert said in told["detail"]


async def test_another_archive_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("content.xml", "<office/>")
    with pytest.raises(UnreadableFile, match="is not an"):
        await read((tmp_path / "a.zip").read_bytes())


async def test_a_file_beyond_the_limit_is_not_read() -> None:
    with pytest.raises(FileTooLarge, match="larger than 2000 bytes"):
        await read(b"a\n" * 2_000, import_max_bytes=2_000)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_rows_keep_the_numbers_that_a_spreadsheet_shows(delimiter: str, encoding: str) -> None:
    content = as_csv([[], ["a", "b"], ["é, è;\n", "x"], [], ["", ""], ["1", ""]], delimiter, encoding)
    told = answer(content, Limits(10, MAX_COLUMNS))
    assert (told["header"], told["day_first"]) == (["a", "b"], delimiter == ";")
    assert told["rows"] == [(3, ["é, è;\n", "x"]), (6, ["1"])]


async def test_cells_of_a_workbook_keep_their_kind_and_errors_are_seen() -> None:
    content = with_cells(
        '<row r="2"><c r="B2" t="str"><v>a</v></c></row>',
        '<row r="4"><c r="B4" t="e"><v>#REF!</v></c><c r="C4" t="b"><v>1</v></c><c r="D4"><v>0.5</v></c></row>',
    )
    sheet = await read(content)
    assert sheet.header == [None, "a"]
    ((number, cells),) = sheet.rows
    assert number == 4
    assert isinstance(cells[1], Odd)
    assert cells[2:] == [True, 0.5]
