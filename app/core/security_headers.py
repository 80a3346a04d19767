"""What every answer tells browsers and caches, so that neither does with it what it is not meant for.

Source: OWASP, REST Security and HTTP Headers Cheat Sheets; RFC 6797 for transport; RFC 9111, section 5.2.2.5.
"""

from collections.abc import Iterable, Sequence

Pair = tuple[bytes, bytes]

_ALWAYS: tuple[Pair, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"authorization, cookie"),  # what anybody may read may say more to who sends a key, or is signed in
)
_REFERRER: Pair = (b"referrer-policy", b"no-referrer")
_TRANSPORT: Pair = (b"strict-transport-security", b"max-age=31536000")
_POLICY: Pair = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of what is no page: it loads nothing, runs nothing, and is shown within no other."""
_CACHE: Pair = (b"cache-control", b"no-store")
_CREDENTIALS = frozenset({b"authorization", b"cookie"})


_OWN = frozenset({_REFERRER[0], _POLICY[0], _CACHE[0]})
"""What some answers say themselves."""


class SecurityHeaders:
    """The headers that go with an answer beside its own.

    Parameters
    ----------
    public_url
        Where callers reach the service; where that is by https, browsers are told to come by nothing else.
    """

    def __init__(self, public_url: str | None) -> None:
        is_secure = public_url is not None and public_url.lower().startswith("https:")
        self._always = (*_ALWAYS, _TRANSPORT) if is_secure else _ALWAYS
        self._usual = (*self._always, _REFERRER, _POLICY)
        self._kept_by_nobody = (*self._usual, _CACHE)

    def beside(self, own: Sequence[Pair], sent: Iterable[Pair]) -> Sequence[Pair]:
        """Return what to add to an answer's own headers: policies and a word on caching only where it has none.

        Parameters
        ----------
        sent
            The headers of the request: the answer to one that carries credentials is kept by nobody.
        """
        names = [name for name, _ in own]
        is_for_one = not _CREDENTIALS.isdisjoint([name for name, _ in sent])
        if _OWN.isdisjoint(names):  # as nearly all are: nothing to put together
            return self._kept_by_nobody if is_for_one else self._usual
        added = [*self._always, *(pair for pair in (_REFERRER, _POLICY) if pair[0] not in names)]
        if is_for_one and _CACHE[0] not in names:
            added.append(_CACHE)
        return added
