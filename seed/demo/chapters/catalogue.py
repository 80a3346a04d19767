"""What the catalogue holds: real sites and lines, and how well they are known."""

from collections import Counter

from seed.demo.cast import Cast
from seed.demo.screen import chapter, table


def tell(cast: Cast) -> None:
    """Show the sites by region, and the bookable lines by modality."""
    chapter(cast.console, "1. What France can make: the real catalogue")
    reader = cast.startup
    sites = list(reader.items("/v1/sites"))
    lines = list(reader.items("/v1/lines"))
    companies = list(reader.items("/v1/organisations", kind="startup"))
    units = sum(len(line["units"]) for line in lines)
    cast.console.print(
        f"{len(sites)} sites, {len(lines)} production lines with {units} bookable units, {len(companies)} companies"
        " that need lots. Every figure says whether it is sourced, declared or illustrative."
    )
    regions = Counter(site["region"] for site in sites)
    lines_by_region = Counter(line["region"] for line in lines)
    rows = [(region, number, lines_by_region[region]) for region, number in regions.most_common(8)]
    cast.console.print(table("Where", ("region", "sites", "lines"), rows, numbers=(1, 2)))

    bookable = Counter(code for line in lines if line["bookable"] for code in line["modalities"])
    everything = Counter(code for line in lines for code in line["modalities"])
    rows = [(code, bookable[code], number - bookable[code]) for code, number in everything.most_common(10)]
    cast.console.print(table("What", ("modality", "bookable lines", "listed, not bookable"), rows, numbers=(1, 2)))
    refused = next((line for line in lines if line["not_bookable_reason"]), None)
    if refused:
        cast.console.print(f"Not bookable, and why: {refused['name']}: {refused['not_bookable_reason']}.")
