"""That secured listeners let in nobody whom they should not: part of the smoke check, since an open door looks like one
that works."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Sequence

from cluster.endpoint import SASL_SSL, SSL, Endpoint, Login, authority_here
from cluster.protocol.hello import hello
from cluster.records.tools import passing
from cluster.smoke.leg import Leg, LegFailure


def let_in(legs: Sequence[Leg], stranger: str, timeout: float) -> List[LegFailure]:
    """A failure for each who was let in and must not be. stranger: a key with a certificate (PEM) of the nodes' name,
    and of an authority that is not theirs, with that one's certificate behind it; timeout: seconds for each try."""
    if not any(leg.protocol in (SSL, SASL_SSL) for leg in legs):
        return []
    # Python takes certificates from files only.
    with passing(stranger, ".pem") as shown, ThreadPoolExecutor(max_workers=8) as pool:
        tries = [(leg, who, what) for leg in legs for who, what in _strangers(leg, shown, stranger).items()]
        answers = list(pool.map(lambda one: _answers(one[0], one[2], timeout), tries))
    return [LegFailure(leg, "refuse", f"it lets in {who}") for (leg, who, _), let in zip(tries, answers) if let]


def _strangers(leg: Leg, shown: str, stranger: str) -> Dict[str, Login]:
    """{who must be refused at a listener: as whom to ask}. shown: the path of a file with the stranger."""
    if leg.protocol == SSL:
        trusted = authority_here()
        return {
            "who shows no certificate": Login(trusted),
            "a certificate of another authority": Login(trusted, shown=shown),
        }
    if leg.protocol == SASL_SSL and leg.login:
        known = Login(*leg.login)
        return {
            "who says no name": Login(known.authority),
            "a user with a wrong password": known._replace(password=f"{known.password}-"),
            "a user that does not exist": known._replace(user=f"{known.user}-"),
            "who trusts another authority only": known._replace(authority=_last(stranger)),
        }
    return {}


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
