"""What the service is made of, in CycloneDX: the same lock file gives the same bytes, anywhere and at any time."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>\S+)(?:\s*;\s*(?P<marker>[^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"#(?: via)?\s+([A-Za-z0-9._-]+)")
PROJECT = "creneau"


class Pin(NamedTuple):
    """One package of a lock file, with the hashes of its files and what needs it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    needed_by: frozenset[str]


def pins_of(lock: str) -> list[Pin]:
    """Return the packages of a lock file as `uv pip compile` writes it.

    Raises
    ------
    ValueError
        One of them has no hash.
    """
    pins = [_pin(block) for block in _blocks(lock)]
    if bare := [pin.name for pin in pins if not pin.hashes]:
        raise ValueError(f"without a hash: {', '.join(bare)}")
    return pins


def _blocks(lock: str) -> Iterator[str]:
    """Give the lines of each package together."""
    yield from (block for block in re.split(r"\n(?=[A-Za-z0-9])", lock.strip()) if block)


def _pin(block: str) -> Pin:
    head, *below = block.splitlines()
    match = _PIN.match(head)
    if match is None:
        raise ValueError(f"not the beginning of a package: {head}")
    needed_by = frozenset(via[1] for line in below if (via := _VIA.search(line.strip())))
    return Pin(match["name"], match["version"], (match["marker"] or "").strip(), tuple(_HASH.findall(block)), needed_by)


def document(lock: str) -> str:
    """Return the bill of materials of a lock file, as JSON of CycloneDX 1.6."""
    project = Component(
        type=ComponentType.APPLICATION,
        name=PROJECT,
        version=version(PROJECT),
        bom_ref=PROJECT,
        purl=PackageURL("pypi", name=PROJECT, version=version(PROJECT)),
    )
    pins = pins_of(lock)
    components = {pin: _component(pin) for pin in pins}
    bom = Bom(components=components.values(), serial_number=uuid5(NAMESPACE_URL, lock))
    bom.metadata.component = project
    bom.metadata.timestamp = None  # type: ignore[assignment]  # all else is the same the next time
    bom.register_dependency(project, [components[pin] for pin in pins if PROJECT in pin.needed_by])
    for pin, component in components.items():
        bom.register_dependency(component, [components[other] for other in pins if pin.name in other.needed_by])
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(pin: Pin) -> Component:
    purl = PackageURL("pypi", name=pin.name, version=pin.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl.to_string()),
        comment="its files, any of which may be installed",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in pin.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=pin.name,
        version=pin.version,
        bom_ref=purl.to_string(),
        purl=purl,
        external_references=[files],
        properties=[Property(name="creneau:where", value=pin.marker)] if pin.marker else [],
    )
