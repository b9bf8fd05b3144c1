"""That secured listeners let in nobody whom they should not: part of the smoke check, since an open door looks like one
that works."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Iterator, List, Sequence, Tuple

from cluster.endpoint import SASL_SSL, SSL, Endpoint, Login, authority_here
from cluster.protocol.hello import hello
from cluster.records.tools import passing
from cluster.smoke.leg import Leg, LegFailure


def let_in(legs: Sequence[Leg], strangers: Sequence[str], timeout: float) -> List[LegFailure]:
    """A failure for each who was let in and must not be. strangers: keys with a certificate (PEM) of the names that are
    let in, and of authorities that are not theirs, with those ones' certificates behind them; timeout: seconds for each
    try."""
    if not any(leg.protocol in (SSL, SASL_SSL) for leg in legs):
        return []
    # Python takes certificates from files only.
    with ExitStack() as files, ThreadPoolExecutor(max_workers=8) as pool:
        shown = [files.enter_context(passing(one, ".pem")) for one in strangers]
        tries = [(leg, who, what) for leg in legs for who, what in _strangers(leg, shown, strangers)]
        answers = list(pool.map(lambda one: _answers(one[0], one[2], timeout), tries))
    failures = [LegFailure(leg, "refuse", f"it lets in {who}") for (leg, who, _), let in zip(tries, answers) if let]
    return list({str(one): one for one in failures}.values())


def _strangers(leg: Leg, shown: Sequence[str], strangers: Sequence[str]) -> Iterator[Tuple[str, Login]]:
    """(who must be refused at a listener, as whom to ask). shown: the paths of files with the strangers."""
    if leg.protocol == SSL:
        trusted = leg.login[0] if leg.login else authority_here()
        yield "who shows no certificate", Login(trusted)
        for path in shown:
            yield "a certificate of another authority", Login(trusted, shown=path)
    elif leg.protocol == SASL_SSL and leg.login:
        known = Login(*leg.login)
        yield "who says no name", Login(known.authority)
        yield "a user with a wrong password", known._replace(password=f"{known.password}-")
        yield "a user that does not exist", known._replace(user=f"{known.user}-")
        yield "who trusts another authority only", known._replace(authority=_last(strangers[0]))


def _last(text: str) -> str:
    """The last certificate of a text (PEM)."""
    _, begins, rest = text.rpartition("-----BEGIN CERTIFICATE-----")
    return begins + rest


def _answers(leg: Leg, who: Login, timeout: float) -> bool:
    try:
        hello(Endpoint(leg.host, leg.port, leg.protocol, who), timeout)
    except OSError:
        return False
    return True
