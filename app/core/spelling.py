"""Days, instants and amounts as words in English and in French, for texts that people read.

Pure. An instant is told as the clocks at the sites show it.
"""

from datetime import date, datetime

from app.core.clock import SITE_ZONE

MONTHS = (
    ("January", "janvier"),
    ("February", "février"),
    ("March", "mars"),
    ("April", "avril"),
    ("May", "mai"),
    ("June", "juin"),
    ("July", "juillet"),
    ("August", "août"),
    ("September", "septembre"),
    ("October", "octobre"),
    ("November", "novembre"),
    ("December", "décembre"),
)
CENTS_A_EURO = 100
THIN_SPACE, NO_BREAK = "\u202f", "\u00a0"


def day_in_words(day: date, *, french: bool) -> str:
    """Return a day as `3 December 2030`."""
    english_month, french_month = MONTHS[day.month - 1]
    if not french:
        return f"{day.day} {english_month} {day.year}"
    return f"{'1er' if day.day == 1 else day.day} {french_month} {day.year}"


def instant_in_words(at: datetime, *, french: bool) -> str:
    """Return an instant as the clocks at the sites show it."""
    local = at.astimezone(SITE_ZONE)
    told = day_in_words(local.date(), french=french)
    return f"{told} à {local:%H h %M} (heure de Paris)" if french else f"{told}, {local:%H:%M} (Paris time)"


def euros_in_words(cents: int, *, french: bool) -> str:
    """Return an amount as `€1,234.50`."""
    whole, rest = divmod(abs(cents), CENTS_A_EURO)
    sign = "-" if cents < 0 else ""
    grouped = f"{whole:,}"
    if french:
        return f"{sign}{grouped.replace(',', THIN_SPACE)},{rest:02d}{NO_BREAK}€"
    return f"{sign}€{grouped}.{rest:02d}"
