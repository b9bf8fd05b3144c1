"""An inventory of a whole site: what is in none of our groups is left alone, whatever the verb, and costs nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from invoke import Program

import tasks
from provisioner.connect import fleet
from provisioner.errors import ConfigError, ProvisionerError, Unreachable
from provisioner.inventory.loading import load
from provisioner.inventory.model import Inventory
from roles import site
from tests.support.roles import SPECS

ROOT = Path(__file__).parents[2]

Load = Callable[..., Inventory]


@pytest.fixture
def loaded(tmp_path) -> Load:
    """A function that loads an inventory as the verbs do; files: more of them, beside it."""

    def run(text: str, *extra: str, **files: str) -> Inventory:
        for name, content in {"hosts": text, **files}.items():
            path = tmp_path / (name.replace("__", "/") + ".yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        path = str(tmp_path / "hosts.yml")
        return load(path, root=tmp_path, extra_vars=extra, specs=SPECS, served=site.SERVED, checks=site.CHECKS)

    return run


@pytest.fixture
def complaint(loaded) -> Callable[..., str]:
    """The message that an inventory is refused with."""

    def run(text: str, *extra: str, **files: str) -> str:
        with pytest.raises(ProvisionerError) as caught:
            loaded(text, *extra, **files)
        assert caught.value.exit_code == 1
        return str(caught.value)

    return run


OURS = """
    zookeeper: {hosts: {n1: {ansible_host: 10.0.0.1}}}
    kafka: {hosts: {n1: , n2: {ansible_host: 10.0.0.2}}}
"""

WHOLE_SITE = f"""
all:
  hosts:
    localhost: {{ansible_connection: local, ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
  children:
    windows:
      hosts: {{"w[1:2]": {{ansible_connection: winrm, ansible_port: "5986", ansible_become: "{{{{ nowhere }}}}"}}}}
    switches:
      hosts: {{s1: {{ansible_connection: ansible.netcommon.network_cli, ansible_host: 10.0.0.1, kafka_hepa: 1}}}}
    web: {{hosts: {{web1: {{ansible_user: ops, kafka_port: none}}}}, vars: {{ansible_password: !vault abc}}}}
    {OURS.strip()}
"""

# How each verb about hosts is called: what it needs beside the inventory.
VERBS = {
    "deploy": ["--check"],
    "plan": [],
    "restart": ["--check"],
    "smoke": [],
    "uninstall": ["--yes"],
    "status": [],
    "doctor": [],
    "logs": [],
    "rebalance": ["--check"],
    "produce": ["--topic", "t"],
    "consume": ["--topic", "t"],
    "broker.config": [],
    "broker.set": ["--set", "log.retention.ms=1", "--check"],
    "broker.unset": ["--name", "log.retention.ms", "--check"],
    "topics.list": [],
    "topics.describe": ["--topic", "t"],
    "topics.create": ["--topic", "t", "--check"],
    "topics.alter": ["--topic", "t", "--partitions", "2", "--check"],
    "topics.delete": ["--topic", "t", "--check"],
    "topics.empty": ["--topic", "t", "--check"],
    "topics.export": [],
    "topics.plan": [],
    "topics.apply": ["--check"],
    "groups.list": [],
    "groups.describe": ["--group", "g"],
    "groups.reset": ["--group", "g", "--to", "earliest", "--check"],
    "groups.delete": ["--group", "g", "--yes"],
    "users.list": [],
    "certs.list": [],
    "certs.renew": ["--yes"],
    "certs.rotate-ca": ["--yes"],
    "users.apply": ["--check"],
    "acls.list": [],
    "acls.check": ["--user", "u", "--topic", "t"],
    "quorum.remove": ["--controller", "n1", "--check"],
    "upgrade.check": ["--to", "4.3.1"],
    "bench.produce": ["--records", "1"],
    "bench.consume": ["--records", "1"],
}
# They say that this cluster has no such quorum, and no users, and connect to nobody.
NEVER_HERE = (
    *("quorum.remove", "users.list", "users.apply", "acls.list", "acls.check"),
    *("certs.list", "certs.renew", "certs.rotate-ca"),
)
NOT_CONNECTING = ("certs.issue", "certs.request", "certs.import")
ANSWERED = ("certs.list",)  # for which that is an answer


def test_the_table_has_every_verb_that_connects():
    elsewhere = ("lab.", "artifacts.", "client.", "config.", "bundle", *NOT_CONNECTING)
    assert set(VERBS) == {name for name in tasks.namespace.task_names if not name.startswith(elsewhere)}


def test_no_verb_connects_to_a_host_outside_our_groups(tmp_path, monkeypatch, capsys):
    asked: dict[str, set[str]] = {verb: set() for verb in VERBS}

    def refuse(settings, *_):
        asked[verb].add(settings.name)
        raise Unreachable("nobody is there", host=settings.name)

    monkeypatch.setattr(fleet, "Session", refuse)
    monkeypatch.chdir(ROOT)
    (tmp_path / "hosts.yml").write_text(WHOLE_SITE + "  vars: {topics: {t: {partitions: 1}}}\n")
    for verb, arguments in VERBS.items():
        code: int | str | None = 0
        try:
            Program().run(["invoke", verb, "--hosts", str(tmp_path / "hosts.yml"), *arguments])
        except SystemExit as ended:
            code = ended.code
        output = "".join(capsys.readouterr())
        assert bool(code) == (verb not in ANSWERED), (verb, output)
        assert asked[verb] == (set() if verb in NEVER_HERE else {"n1", "n2"}), (verb, output)


def test_an_inventory_has_the_hosts_of_our_groups_and_templates_see_all(loaded):
    found = loaded(
        WHOLE_SITE + "  vars: {kafka_rack: \"{{ groups['web'] | join }}-{{ hostvars.web1.ansible_user }}\"}\n"
    )
    assert list(found.hosts) == ["n1", "n2"]
    assert found.groups["all"] == ("n1", "n2")
    assert found.groups["web"] == ()
    assert found.everyone["windows"] == ("w1", "w2")
    assert found.hosts["n1"].vars["kafka_rack"] == "web1-ops"
    assert found.remarks == ()


def test_files_of_strangers_are_not_read(loaded):
    loaded(WHOLE_SITE, group_vars__web="a: [", host_vars__web1="b: [", host_vars__localhost="$ANSIBLE_VAULT;1.1")


def test_a_stranger_s_file_that_a_template_needs_is_an_error_there(complaint):
    message = complaint(WHOLE_SITE + '  vars: {kafka_rack: "{{ hostvars.web1.x }}"}\n', host_vars__web1="x: [1")
    assert message.startswith("host_vars/web1.yml: line 1")


@pytest.mark.parametrize(
    "kind",
    ["local", "winrm", "docker", "community.docker.docker", "ansible.netcommon.network_cli", "psrp", "chroot"],
)
def test_a_host_of_ours_is_reached_over_ssh_or_refused_before_any_connection(complaint, kind):
    message = complaint(f"all:\n  vars: {{ansible_connection: {kind}}}\n  children: {{kafka: {{hosts: {{n1: }}}}}}")
    assert "ansible_connection must be ssh" in message
    assert f"found: the string '{kind}' (hosts are reached over SSH only, this machine too)" in message
    assert "in:    hosts.yml:2" in message


@pytest.mark.parametrize("kind", ["ssh", "smart", "paramiko", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh"])
def test_ssh_has_several_names(loaded, kind):
    found = loaded(f"all: {{vars: {{ansible_connection: {kind}}}, children: {{{OURS.strip().replace(chr(10), ',')}}}}}")
    assert found.hosts["n1"].vars["ansible_connection"] == kind.rpartition(".")[2]


def test_a_variable_is_rendered_only_where_what_it_is_for_runs(loaded, complaint):
    text = """
all:
  vars: {{kafka_rack: "{{{{ zone }}}}", kafka_listeners: [{{name: A, port: "{{{{ my_port }}}}"}}]}}
  children:
    zookeeper: {{hosts: {{z1: {zookeeper}}}}}
    kafka: {{hosts: {{k1: {{zone: a, my_port: 9092}}}}}}
"""
    assert loaded(text.format(zookeeper="")).hosts["k1"].vars["kafka_rack"] == "a"
    message = complaint(text.format(zookeeper='{zookeeper_config: "{{ nowhere }}"}'))
    assert "'nowhere' is undefined" in message
    assert "zone" not in message


def test_a_directory_of_variables_that_cannot_be_read_is_a_message(complaint, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    message = complaint(site_with("x: 1"), group_vars__all__main="y: 1")
    assert message.startswith("group_vars/all: cannot be read: Permission denied")


# -- names of groups


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *((name, "kafka") for name in ("kafka_broker", "kafka_brokers", "brokers", "Broker", "kafka-nodes", "kafkas")),
        *(
            (name, "kafka")
            for name in ("kafak", "KAFKA", "kafka_cluster", "prod-kafka", "kafka_prod", "kafka1", "dc1_kafka")
        ),
        *(
            (name, "zookeeper")
            for name in ("zookeepers", "zk", "zk_servers", "ZooKeeper", "zookeper", "kafka_zookeeper")
        ),
        *((name, "zookeeper") for name in ("kafka-zk", "zookeeper_ensemble", "zks")),
        *((name, None) for name in ("kafka_connect", "kafka_rest", "schema_registry", "control_center", "ksql", "web")),
        *(
            (name, None)
            for name in ("kafka_controller", "kafka_exporter", "monitoring", "z", "zone", "prod", "__", "1")
        ),
    ],
)
def test_the_group_that_was_probably_meant(name, meant):
    assert site.SERVED.meant(name) == meant


def test_a_group_with_almost_our_name_is_refused_with_its_place(complaint):
    message = complaint("all:\n  children:\n    zookeeper: {hosts: {n1: }}\n    kafka_brokers: {hosts: {n1: , n2: }}\n")
    assert message == (
        "hosts.yml:4: there is a group kafka_brokers and no group kafka; did you mean kafka?\n"
        "    in kafka_brokers: n1, n2\n"
        "  -> rename kafka_brokers, or put it below `children:` of a group kafka; if it is something else, add an "
        "empty group kafka"
    )


def test_the_ways_out_of_an_almost_name_work(loaded):
    zookeeper = "zookeeper: {hosts: {n1: }}"
    below = loaded(f"{zookeeper}\nkafka: {{children: {{kafka_brokers: {{hosts: {{n1: , n2: }}}}}}}}")
    assert (below.groups["kafka"], below.remarks) == (("n1", "n2"), ())
    other = loaded(f"{zookeeper}\nmqtt_brokers: {{hosts: {{m1: }}}}\nkafka:")
    assert list(other.hosts) == ["n1"]


def test_hosts_that_only_the_almost_name_has_are_a_warning(loaded):
    found = loaded(
        f"all: {{children: {{{OURS.strip().replace(chr(10), ',')}, kafka_broker: {{hosts: {{n2: , n3: }}}}}}}}"
    )
    assert site.warnings(found)[0] == "1 host of the group kafka_broker (n3) is not in the group kafka, and left alone"


def test_a_host_that_is_called_as_a_group_is_a_warning(loaded):
    found = loaded("zookeeper: {hosts: {kafka: {ansible_host: 10.0.0.1}}}\nkafka: {hosts: {kafka: , b: }}")
    assert site.warnings(found)[0] == "kafka is the name of a host and of a group: --limit kafka means the host"
    assert [host.name for host in found.limit("kafka")] == ["kafka"]


def test_one_machine_with_a_name_for_each_service_is_refused_with_the_way_out(complaint):
    message = complaint(
        "zookeeper:\n  hosts:\n    zk-1: {ansible_host: 127.0.0.1}\n"
        "kafka:\n  hosts:\n    b-1: {ansible_host: 127.0.0.1}\n"
    )
    assert message == (
        "zk-1 and b-1 are the same machine, 127.0.0.1\n    zk-1: hosts.yml:3\n    b-1: hosts.yml:6\n"
        "  -> correct ansible_host or ansible_port of one; one machine has one name, in both groups"
    )


def test_a_variable_of_another_tool_is_met_with_ours(complaint):
    assert "unknown variable kafka_topics; did you mean topics?" in complaint(site_with("kafka_topics: []"))


def test_without_any_host_of_ours_the_groups_of_the_file_are_named(complaint):
    assert "groups in hosts.yml: all, web" in complaint("web: {hosts: {w1: }}")


# -- ansible-vault


VAULT = "!vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162\n"


def site_with(variables: str) -> str:
    return f"all:\n  vars:\n    {variables}\n  children:\n    {OURS.strip()}\n"


def test_an_encrypted_value_that_nothing_needs_does_no_harm(loaded):
    found = loaded(
        site_with(f"grafana: {VAULT}    mine: {{open: a, secret: !vault x}}\n    kafka_rack: '{{{{ mine.open }}}}'")
    )
    assert found.hosts["n1"].vars["kafka_rack"] == "a"
    with pytest.raises(ConfigError, match="grafana is encrypted by ansible-vault"):
        found.hosts["n1"].vars["grafana"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        (f"kafka_rack: {VAULT}", "kafka_rack is encrypted by ansible-vault"),
        ("kafka_config: {a.password: !vault x}", "kafka_config is encrypted by ansible-vault"),
        (f"kafka_rack: '{{{{ mine }}}}'\n    mine: {VAULT}", "mine is encrypted by ansible-vault"),
        (f"kafka_rack: '{{{{ mine }}}}-b'\n    mine: {VAULT}", "mine is encrypted by ansible-vault"),
        (
            "kafka_rack: '{{ mine.a }}-b'\n    mine: {a: !vault x}",
            "kafka_rack cannot be rendered: a value that it uses is",
        ),
        ("kafka_rack: '{{ mine.a }}'\n    mine: {a: !vault x}", "kafka_rack is encrypted by ansible-vault"),
        (f"ansible_password: {VAULT}", "ansible_password is encrypted by ansible-vault"),
    ],
)
def test_an_encrypted_value_that_is_needed_is_named_with_its_place(complaint, variables, named):
    message = complaint(site_with(variables))
    assert named in message
    assert "hosts.yml:3" in message or "hosts.yml:4" in message
    assert "6162" not in message


def test_an_encrypted_file_is_a_warning_and_named_where_its_variables_are_missed(loaded, complaint):
    encrypted = "$ANSIBLE_VAULT;1.1;AES256\n6162"
    found = loaded(site_with('mine: "{{ vault_mine }}"'), group_vars__all__vault=encrypted)
    assert (
        site.warnings(found)[0]
        == "group_vars/all/vault.yml is encrypted by ansible-vault: what it sets is unknown here"
    )
    message = complaint(site_with('kafka_rack: "{{ vault_mine }}"'), group_vars__all__vault=encrypted)
    assert "'vault_mine' is undefined" in message
    assert "group_vars/all/vault.yml, which may set vault_mine, is encrypted by ansible-vault" in message


# -- what stands in a wrong place


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "vars",
            "hosts.yml:5: vars below the host n1: a host has variables only\n  -> write the variables directly below",
        ),
        (
            "hosts",
            "hosts.yml:5: hosts below the host n1: a host has variables only\n  -> `hosts:` belongs below a group",
        ),
        ("children", "hosts.yml:5: children below the host n1"),
    ],
)
def test_sections_below_a_host_are_refused_with_the_place_where_they_belong(complaint, section, message):
    assert message in complaint(f"kafka:\n  hosts:\n    n1:\n      {section}:\n        kafka_port: 9093\n")
