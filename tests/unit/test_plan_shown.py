"""How plans are shown: equal changes of several hosts once, diffs in which only secrets are hidden, the sum."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.report.reporter import Row
from provisioner.resources import File, Resource, Service
from provisioner.run import plan, shown
from provisioner.run.plan import HostPlan
from provisioner.secrets import MASK

PATH = "/etc/kafka/server.properties"


def as_read(file: File, there: str) -> dict[str, Any]:
    return {**file.expected(), "digest": "other", "content": there}


def host(name: str, there: str, then: str, **about: Any) -> HostPlan:
    """A host on which a file says one thing and is to say another."""
    file = File(PATH, then, template="kafka/server.properties.j2", **about)
    return plan.make(name, [file], {file.key: as_read(file, there)})


def text(*made: HostPlan, changes: bool = True, diffs: bool = True) -> str:
    found = shown.lines({one.host: one for one in made}, changes, diffs)
    lines = [f"{line.action} {shown.called(line.hosts, len(made))}: {line.key} ({line.note})" for line in found]
    return "\n".join(part for line, one in zip(lines, found, strict=True) for part in (line, *one.diff)) + "\n"


def diff(there: str, then: str, **about: Any) -> str:
    (change,) = host("h", there, then, **about).changes
    return "\n".join(shown.diff(change))


LONG = "# " + "x" * 100
BEFORE = f"broker.id=@\nnum.io.threads=8\n{LONG}\nheap=512m\n"


def test_an_equal_change_is_said_once_for_all_its_hosts_without_what_is_each_hosts_own():
    made = [
        host(f"kafka{number}", BEFORE.replace("@", str(number)), BEFORE.replace("@", str(number)).replace("512m", new))
        for number, new in ((1, "600m"), (2, "600m"), (3, "700m"))
    ]
    head = f"""--- {PATH} (on the host)
+++ {PATH} (kafka/server.properties.j2)
@@ -1,4 +1,4 @@
"""
    context = f" num.io.threads=8\n {LONG[:69]}...\n-heap=512m\n"
    assert text(*made) == (
        f"~ kafka1, kafka2: file:{PATH} (content)\n{head} ...\n{context}+heap=600m\n"
        f"~ kafka3: file:{PATH} (content)\n{head} broker.id=3\n{context}+heap=700m\n"
    )


def test_lines_about_one_resource_stand_together_in_the_order_of_the_plans():
    service = Service("kafka", ("/a",))
    old = {"enabled": True, "active": True, "started": {"/a": "1"}, "disk": {"/a": "1"}}
    other = {**old, "live": {"changes": ["x 1 -> 2"], "refused": []}, "started": {}, "disk": {}}

    def made(name: str, files: dict[str, str]) -> HostPlan:
        services = [service, Service("other")]
        resources: list[Resource] = [*(File(path, text) for path, text in files.items()), *services]
        return plan.make(name, resources, {service.key: old, "service:other": other})

    both = made("h1", {"/a": "x", "/b": "1"}), made("h2", {"/a": "x", "/b": "2", "/c": "x"})
    after = [
        "apply h1, h2: service:other (x 1 -> 2, no restart)",
        "restart h1, h2: service:kafka (needed: it would run with an older /a)",
    ]
    changes = ["+ h1, h2: file:/a ()", "+ h1: file:/b ()", "+ h2: file:/b ()", "+ h2: file:/c ()", *after]
    assert [line for line in text(*both).splitlines() if line.startswith(("+ ", *"ar"))] == changes
    # Without what is in them, nothing differs.
    assert text(*both, diffs=False).splitlines() == [changes[0], "+ h1, h2: file:/b ()", *changes[3:]]


def test_many_hosts_are_counted_where_all_are_meant_and_else_named():
    names = [f"kafka{number}" for number in range(20)]
    assert shown.called(names, 20) == "all 20 hosts"
    assert shown.called(names[:19], 20) == ", ".join(names[:19])
    assert shown.called(names[:3], 3) == "kafka0, kafka1, kafka2"


def test_a_plan_without_the_changes_names_only_what_happens_to_services():
    assert text(host("h", "a=1\n", "a=2\n"), changes=False) == "\n"


@pytest.mark.parametrize(
    ("there", "then", "expected"),
    [
        ("a=1\n", "a=2\n", ["-a=1", "+a=2"]),
        ("a=1", "a=1\n", ["-a=1", "\\ No newline at end of file", "+a=1"]),
        ("", "a=1\n", ["+a=1"]),
        ("a=1\n\n", "a=1\n", [" a=1", "-"]),
    ],
)
def test_a_diff_is_a_unified_diff(there, then, expected):
    assert diff(there, then).splitlines()[3:] == expected


def test_a_file_that_is_new_has_its_lines():
    file = File(PATH, "a=1\nb=2\n")
    (change,) = plan.make("h", [file], {file.key: None}).changes
    assert shown.diff(change) == ("--- /dev/null", f"+++ {PATH}", "@@ -0,0 +1,2 @@", "+a=1", "+b=2")


# -- secrets


def test_a_diff_hides_secrets_and_says_that_they_differ():
    found = diff("a=1\nssl.keystore.password=old\n", "a=2\nssl.keystore.password=new\n")
    assert found.splitlines()[3:] == [
        "-a=1",
        f"-ssl.keystore.password={MASK}",
        "+a=2",
        f"+ssl.keystore.password={MASK}",
    ]


def test_a_secret_file_is_never_shown():
    file = File("/etc/key", "hunter2\n", secret=True)
    (change,) = plan.make("h", [file], {file.key: None}).changes
    assert shown.diff(change) == ("(content not shown: it is secret)",)


KEY = "-----BEGIN PRIVATE KEY-----\\\n  hunter2\\n\\\n  hunter2\\n-----END PRIVATE KEY-----"
OPEN = ("log.retention.ms", "num.io.threads")


@pytest.mark.parametrize(
    "removed",
    [
        f"ssl.keystore.key={KEY}",
        "ssl.keystore.key=hunter2",
        "ssl.keystore.key: hunter2",
        "ssl.keystore.key=abc\\\n  hunter2\\\n  hunter2",
        "ssl.keystore.key=\\\nhunter2",
        "ssl.key.pass\\\n  word=hunter2",
    ],
)
@pytest.mark.parametrize("about", [{}, {"secret": True, "open_names": OPEN}])
def test_a_secret_that_is_taken_out_is_not_shown(removed, about):
    found = diff(
        f"num.io.threads=8\n{removed}\nlog.retention.ms=1\n", "num.io.threads=9\nlog.retention.ms=1\n", **about
    )
    assert "hunter2" not in found and MASK in found
    assert "-num.io.threads=8" in found and "+num.io.threads=9" in found and " log.retention.ms=1" in found


@pytest.mark.parametrize(
    "unclear",
    [
        "hunter2",  # the end of a value that was broken without a backslash
        "hunter2==",
        "hunter2=",
        "hunter2 : x",
        "my.plugin.url=https://hunter2",  # whether a plugin's property is a secret, only the plugin knows
        "# the old password was hunter2",
        "#ssl.keystore.key=a\\\nhunter2",
        "log.retention.ms hunter2",
        "log.retention.ms\\\nhunter2",
        "log.retention.ms=1\\\n,ssl.key.password=hunter2",
    ],
)
def test_of_a_file_with_secrets_nothing_is_shown_that_may_be_one(unclear):
    found = diff(f"num.io.threads=8\n{unclear}\n", "num.io.threads=9\n", secret=True, open_names=OPEN)
    assert "hunter2" not in found and "-num.io.threads=8" in found


def test_of_a_file_with_secrets_all_else_is_shown():
    before = "# --- threads ---\nnum.io.threads=8\n\nlog.retention.ms=1\nssl.key.password=x\n"
    after = before.replace("8", "9")
    found = diff(before, after, secret=True, open_names=OPEN).splitlines()[3:]
    lines = [" # --- threads ---", "-num.io.threads=8", "+num.io.threads=9", " ", " log.retention.ms=1"]
    lines.append(f" ssl.key.password={MASK}")
    assert found == lines


def test_the_text_of_a_file_leaves_the_host_only_where_some_of_it_may_be_shown():
    for about, stays in (({}, False), ({"secret": True}, True), ({"secret": True, "open_names": OPEN}, False)):
        wire = File(PATH, "x", **about).wire(content=False)
        assert wire["secret"] is stays and "open_names" not in wire
        assert File.from_wire(wire).secret is stays


# -- the sum


def test_the_sum_counts_as_the_recap_does():
    file, service = File("/a", "x"), Service("kafka", ("/a",))
    state = {"enabled": True, "active": True, "started": {"/a": "1"}, "disk": {"/a": "1"}}
    made = plan.make(
        "h", [file, File("/b", "x", mode=0o600), service], {service.key: state, "file:/b": {"mode": 0o644}}
    )
    assert shown.sums({"h": made}) == "2 to change (1 of them new), 1 to restart"
    assert shown.sums({"h": made, "i": HostPlan("i", (), (), ())}) == "2 to change (1 of them new), 1 to restart"
    assert list(vars(Row()))[1:5] == ["changed", "applied", "reloaded", "restarted"]
