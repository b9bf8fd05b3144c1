"""`resources/frozen.py` stands in for `dataclasses` at run time, so the same class bodies run under both, side by side:
whatever resources use means the same."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, ClassVar, Mapping  # noqa: UP035  # as on a host's Python 3.8

import pytest

from provisioner.resources import frozen

REAL = SimpleNamespace(
    dataclass=dataclasses.dataclass,
    field=dataclasses.field,
    replace=dataclasses.replace,
    asdict=dataclasses.asdict,
    names=lambda cls: tuple(one.name for one in dataclasses.fields(cls)),
)


@pytest.fixture(params=[frozen, REAL], ids=["frozen", "dataclasses"])
def kit(request: pytest.FixtureRequest) -> Any:
    """The module's functions, or the standard library's of the same names, with classes made by them."""
    found = request.param

    class Plain:
        kind: ClassVar[str] = ""

        @property
        def name(self) -> str:
            raise NotImplementedError

    @found.dataclass(frozen=True)
    class Base(Plain):
        path: str
        mode: int = 0o644

    @found.dataclass(frozen=True)
    class Below(Base):
        kind: ClassVar[str] = "below"
        owner: str = "root"
        more: Mapping[str, Any] = found.field(default_factory=dict)
        digest: str = ""

        def __post_init__(self) -> None:
            if not self.digest:
                object.__setattr__(self, "digest", f"of {self.path}")

        @property
        def name(self) -> str:
            return self.path

    @found.dataclass(frozen=True)
    class Other:
        path: str
        mode: int = 0o644

    class Undecorated(Below):
        label = "no field"

    return SimpleNamespace(
        Base=Base, Below=Below, Other=Other, Undecorated=Undecorated, **{n: getattr(found, n) for n in vars(REAL)}
    )


def test_fields_are_those_of_the_bases_first_and_no_class_variables(kit: Any):
    assert kit.names(kit.Base) == ("path", "mode")
    assert kit.names(kit.Below) == kit.names(kit.Undecorated) == ("path", "mode", "owner", "more", "digest")
    assert kit.Below.kind == "below" and kit.Base.kind == ""


def test_values_are_taken_in_order_and_by_name_with_defaults_for_the_rest(kit: Any):
    one = kit.Below("/a", 1, more={"x": 1})
    assert (one.path, one.mode, one.owner, one.more, one.digest) == ("/a", 1, "root", {"x": 1}, "of /a")
    assert kit.Below(path="/a").mode == 0o644 and kit.Below("/a", digest="given").digest == "given"


def test_a_default_that_is_made_is_made_for_each(kit: Any):
    one, other = kit.Below("/a"), kit.Below("/a")
    assert one.more == {} and one.more is not other.more


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((), {"mode": 1}),
        (("/a", 1, "root", {}, "", "one too many"), {}),
        (("/a",), {"path": "/b"}),
        (("/a",), {"unknown": 1}),
        (("/a",), {"kind": "x"}),
    ],
    ids=["none", "missing", "too many", "twice", "unknown", "a class variable"],
)
def test_wrong_values_are_refused(kit: Any, values: tuple[Any, ...], named: Mapping[str, Any]):
    with pytest.raises(TypeError):
        kit.Below(*values, **named)


def test_equal_are_instances_of_one_class_with_equal_fields(kit: Any):
    assert kit.Base("/a") == kit.Base("/a", 0o644) and kit.Base("/a") != kit.Base("/b")
    assert kit.Base("/a") != kit.Other("/a") and kit.Base("/a") != kit.Below("/a") and kit.Base("/a") != "/a"
    assert kit.Below("/a", more={"x": 1}) == kit.Below("/a", more={"x": 1}) != kit.Below("/a", more={"x": 2})


def test_equal_ones_are_one_key_of_a_set(kit: Any):
    assert len({kit.Base("/a"), kit.Base("/a"), kit.Base("/b")}) == 2
    with pytest.raises(TypeError):
        hash(kit.Below("/a"))  # it holds a mapping


def test_nothing_is_changed_or_deleted(kit: Any):
    one = kit.Base("/a")
    with pytest.raises(AttributeError):
        one.path = "/b"
    with pytest.raises(AttributeError):
        one.something = 1
    with pytest.raises(AttributeError):
        del one.path
    assert one == kit.Base("/a")


def test_replace_is_a_new_one_with_other_values(kit: Any):
    one = kit.Below("/a", more={"x": 1})
    other = kit.replace(one, mode=1, digest="")
    assert (other.path, other.mode, other.more, other.digest) == ("/a", 1, {"x": 1}, "of /a")
    assert type(other) is type(one) and one.mode == 0o644
    assert type(kit.replace(kit.Undecorated("/a"), mode=1)) is kit.Undecorated
    with pytest.raises(TypeError):
        kit.replace(one, unknown=1)


def test_asdict_is_every_field_in_order(kit: Any):
    found = kit.asdict(kit.Below("/a", more={"x": 1}))
    assert list(found.items()) == [
        ("path", "/a"),
        ("mode", 0o644),
        ("owner", "root"),
        ("more", {"x": 1}),
        ("digest", "of /a"),
    ]


def test_it_says_what_it_holds(kit: Any):
    assert repr(kit.Other("/a", 1)).endswith("Other(path='/a', mode=1)")
