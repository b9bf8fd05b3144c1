"""Where a connection leads: as `ssh` would do it, or refused by name."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.connect import openssh, route, ssh_config, ssh_options
from provisioner.connect import settings as connection
from provisioner.connect.route import Hop, Routes
from provisioner.errors import ConfigError

needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="OpenSSH is not installed")
ME = getpass.getuser()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of its own, which ssh does not know of."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def configured(home: Path, text: str | bytes, name: str = "config") -> Path:
    file = home / ".ssh" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def way(name: str = "node-a", **variables: Any) -> tuple[Hop, ...]:
    return Routes().to(connection.settings(name, variables))


def ends(hops: tuple[Hop, ...]) -> list[str]:
    return [f"{hop.user}@{hop.host}:{hop.port}" for hop in hops]


@needs_ssh
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("Host node-a\n HostName 10.0.0.1\n Port 2222\n User ops\n", ["ops@10.0.0.1:2222"]),
        ("Include more/*\n", ["inc@10.0.0.9:22"]),
        ("Include ~/.ssh/more/a.conf\n", ["inc@10.0.0.9:22"]),
        ("Host other\n Include more/*\nHost node-a\n User x\n", ["x@node-a:22"]),
        ("Match Host other\n HostName 192.0.2.1\nHost node-a\n HostName 10.0.0.1\n", [f"{ME}@10.0.0.1:22"]),
        ("Match host=node-a\n HostName 10.0.0.1\n Port 1\n", [f"{ME}@10.0.0.1:1"]),
        ("Match originalhost node-a exec \"test %h = node-a\"\n Port 5\n", [f"{ME}@node-a:5"]),
        ("Match exec false\n Port 5\n", [f"{ME}@node-a:22"]),
        (f"Match localuser {ME} user ops\n Port 5\nHost *\n User ops\n", ["ops@node-a:22"]),
        ("Match final all\n User ops\nHost node-a\n HostName 10.0.0.1\n", ["ops@10.0.0.1:22"]),
        ("Host node-a\n Port 1 # the test port\n", [f"{ME}@node-a:1"]),
        ("host = node-a\r\n\tport=\"7\"\r\n", [f"{ME}@node-a:7"]),
        ("Host !node-a *\n Port 9\n", [f"{ME}@node-a:22"]),
        ("Host node-a\n HostName %h.example.com\n", [f"{ME}@node-a.example.com:22"]),
        (b"# caf\xe9\nHost node-a\n Port 3\n", [f"{ME}@node-a:3"]),
        ("Host node-a\n ProxyJump ops@gate:2\nHost gate\n HostName 10.0.0.2\n", ["ops@10.0.0.2:2", f"{ME}@node-a:22"]),
        ("Host node-a\n ProxyJump none\nHost *\n ProxyJump gate\n", [f"{ME}@node-a:22"]),
        ("Host node-a\n ProxyJump a,b\nHost a\n User x\n", ["x@a:22", f"{ME}@b:22", f"{ME}@node-a:22"]),
        ("Host node-a\n ProxyJump b\nHost b\n ProxyJump a\n", [f"{ME}@a:22", f"{ME}@b:22", f"{ME}@node-a:22"]),
        ("Host node-a\n ProxyJump u@[::1]:5\n", ["u@::1:5", f"{ME}@node-a:22"]),
        ("CanonicalizeHostname yes\nCanonicalizeFallbackLocal yes\nHost node-a\n Port 4\n", [f"{ME}@node-a:4"]),
        ("IgnoreUnknown Foo*\nFooBar 1\nHost node-a\n Port 4\n", [f"{ME}@node-a:4"]),
    ],
)  # fmt: skip
def test_the_users_configuration(home: Path, config, expected):
    (home / ".ssh" / "more").mkdir()
    configured(home, "Host node-a\n HostName 10.0.0.9\n User inc\n", "more/a.conf")
    configured(home, config)
    assert ends(way()) == expected


@needs_ssh
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ansible_ssh_common_args": "-J ops@127.0.0.1:2"}, ["ops@127.0.0.1:2", f"{ME}@node-a:22"]),
        ({"ansible_ssh_common_args": "-Jops@127.0.0.1:2"}, ["ops@127.0.0.1:2", f"{ME}@node-a:22"]),
        ({"ansible_ssh_args": "-C -J gate"}, [f"{ME}@gate:22", f"{ME}@node-a:22"]),
        ({"ansible_ssh_args": "-J a", "ansible_ssh_extra_args": "-J b"}, [f"{ME}@a:22", f"{ME}@node-a:22"]),
        ({"ansible_ssh_common_args": "-o ProxyJump=none"}, [f"{ME}@node-a:22"]),
        ({"ansible_ssh_common_args": "-oPort=2222 -lme"}, ["me@node-a:2222"]),
        ({"ansible_ssh_common_args": "-4Cp2222 -o 'User me'"}, ["me@node-a:2222"]),
        ({"ansible_ssh_common_args": "-p 5", "ansible_port": 6}, [f"{ME}@node-a:6"]),
        ({"ansible_ssh_common_args": "-F {home}/ssh.cfg"}, ["ops@127.0.0.1:1"]),
        ({"ansible_ssh_common_args": "-F {home}/ssh.cfg", "ansible_user": "x", "ansible_host": "y"}, ["x@y:22"]),
        ({"ansible_ssh_common_args": "-F {home}/ssh.cfg -J b"}, ["b-user@10.0.0.3:22", "ops@127.0.0.1:1"]),
        ({"ansible_ssh_common_args": "-o HostName=10.0.0.7"}, [f"{ME}@10.0.0.7:22"]),
        ({"ansible_host": "fe80::1%eth0"}, [f"{ME}@fe80::1%eth0:22"]),
    ],
)
def test_the_inventorys_arguments(home: Path, variables, expected):
    (home / "ssh.cfg").write_text(
        "Host node-a\n HostName 127.0.0.1\n Port 1\n User ops\nHost b\n HostName 10.0.0.3\n User b-user\n"
    )
    assert ends(way(**{name: str(value).format(home=home) for name, value in variables.items()})) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-o BatchMode", "has -o BatchMode, an option without a value"),
        ("-o ProxyCommand='ssh -W %h:%p gate", "quotation mark that is not closed"),
        ("-o 'Port=\"22'", "a quotation mark is not closed"),
        ("-J", "ends with -J"),
        ("-J gate other", "has the word 'other'"),
        ("gate", "has the word 'gate'"),
        ("-- gate", "has the word '--'"),
        ("-W a:1", "has -W"),
        ("-z", "has -z, which is not an option of ssh"),
        ("-NJ gate", "has -N"),
    ],
)
def test_arguments_that_ssh_would_take_otherwise_are_refused(arguments, message):
    for variable in ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"):
        with pytest.raises(ConfigError, match=variable) as caught:
            connection.settings("h", {variable: arguments}, {variable: "hosts.yml:7"})
        assert message in caught.value.summary and caught.value.details == ["in:    hosts.yml:7"]


@needs_ssh
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("Host node-a\n StrictHostKeyChecking\n", ".ssh/config line 2: no argument"),
        ("Host node-a\n Prot 22\n", ".ssh/config: line 2: Bad configuration option: prot"),
        ("Host node-a\n Port 99999\n", ".ssh/config line 2: Bad port"),
        ("Host node-a\n ProxyCommand x\n ProxyUseFdpass yes\n", "ProxyUseFdpass yes"),
        ("Host node-a\n KnownHostsCommand /bin/x\n", "KnownHostsCommand /bin/x"),
        ("Host node-a\n PKCS11Provider /x.so\n", "PKCS11Provider /x.so"),
        ("Host node-a\n SecurityKeyProvider /x.so\n", "SecurityKeyProvider /x.so"),
        ("Host node-a\n RevokedHostKeys /x\n", "RevokedHostKeys /x"),
        ("Host node-a\n BindInterface eth1\n", "BindInterface eth1"),
        ("Host node-a\n CertificateFile /x-cert.pub\n", "CertificateFile /x-cert.pub"),
        ("Host node-a\n IdentityFile /%C/key\n", "%C in"),
        ("Host node-a\n IdentityFile /${NO_SUCH}/key\n", "${NO_SUCH} in"),
        ("Host node-a\n ProxyCommand nc %h %p %X\n", "%X in"),
        ("ProxyJump gate\n", "loop via gate"),
        ("Host node-a\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n", "leads to itself"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(home: Path, config, message):
    configured(home, config)
    with pytest.raises(ConfigError) as caught:
        way()
    assert message.lower() in str(caught.value).lower() and caught.value.host == "node-a" and caught.value.advice


@needs_ssh
def test_everything_else_that_decides_a_connection(home: Path, monkeypatch):
    configured(
        home,
        "Host node-a\n"
        ' IdentityFile "~/my keys/%h"\n IdentityFile %d/.ssh/${KEY_NAME}\n IdentitiesOnly yes\n'
        " IdentityAgent ~/agent.sock\n ConnectTimeout 5s\n HostKeyAlias kafka\n"
        ' UserKnownHostsFile "~/my known" ~/b /dev/null\n'
        " GlobalKnownHostsFile /g\n StrictHostKeyChecking accept-new\n AddressFamily inet6\n BindAddress ::1\n"
        " PubkeyAuthentication no\n ControlPath ~/x-%C\n ControlMaster auto\n",
    )
    (home / "my known").touch()
    monkeypatch.setenv("KEY_NAME", "third")
    (hop,) = way(ansible_ssh_private_key_file="/first")
    assert (
        hop.keys == (Path("/first"), home / "my keys/node-a", home / ".ssh/third") and hop.explicit and hop.only_these
    )
    assert hop.agent == str(home / "agent.sock") and hop.timeout == 5.0 and hop.known_as == "kafka"
    assert hop.known_hosts == (home / "my known", home / "b", Path("/dev/null"), Path("/g"))
    assert hop.accept_new and not hop.public_keys and hop.bind == "::1" and hop.family != 0
    assert way(ansible_timeout=3)[0].timeout == 3.0


@needs_ssh
def test_a_proxy_command_with_its_tokens(home: Path):
    configured(home, "Host node-a\n Port 5\n User u\n ProxyCommand ssh -W '[%h]:%p' %r@gate | tee ~/%n%% # ${x}\n")
    assert way()[0].proxy_command == "ssh -W '[node-a]:5' u@gate | tee " + f"{home}/node-a% # ${{x}}"
    (home / ".ssh" / "config").unlink()
    (hop,) = way(ansible_connection="paramiko", ansible_paramiko_proxy_command="nc %h %p")
    assert hop.proxy_command == "nc node-a 22"
    assert way(ansible_paramiko_proxy_command="nc %h %p")[0].proxy_command is None  # not read by Ansible's ssh
    assert way(ansible_ssh_common_args="-o ProxyCommand='nc %h 7'")[0].proxy_command == "nc node-a 7"


def test_the_home_of_the_environment_counts_and_its_known_hosts(home: Path):
    assert way()[0].known_hosts[0] == home / ".ssh" / "known_hosts"
    if shutil.which("ssh"):
        configured(home, "Host node-a\n Port 5\n")
        assert way()[0].known_hosts[0] == home / ".ssh" / "known_hosts"


def test_a_file_that_is_named_and_missing(home: Path):
    with pytest.raises(ConfigError, match="the file of -F, does not exist"):
        way(ansible_ssh_common_args="-F /no/such")
    with pytest.raises(ConfigError, match="ansible_ssh_executable, does not exist"):
        way(ansible_ssh_executable="/opt/ssh/bin/ssh")


# -- when OpenSSH is asked


HARMLESS = (
    "Host *\n SendEnv LANG LC_*\n HashKnownHosts yes\n GSSAPIAuthentication yes\n ControlMaster auto\nMatch all\n"
)


@pytest.mark.parametrize(
    ("config", "arguments", "asked"),
    [
        (None, "", 0),
        (HARMLESS, "", 0),
        (f"{HARMLESS}Include more\n", "", 0),
        (None, "-o UserKnownHostsFile=/x -o StrictHostKeyChecking=no -C -p 7 -i /key", 0),
        (None, "-J me@gate:2", 0),
        ("Host x\n Port 1\n", "", 1),
        (None, "-o HostName=x", 1),
        (None, "-F {home}/harmless", 0),
        ("Host x\n Port 1\n", "-J gate", 2),
    ],
)
def test_openssh_is_asked_only_where_it_matters_and_once(home: Path, monkeypatch, config, arguments, asked):
    configured(home, HARMLESS, "more")
    (home / "harmless").write_text(HARMLESS)
    if config is not None:
        configured(home, config)
    calls: list[str] = []

    def ask(executable, words, host, files, *, config):
        calls.append(host)
        jump = {"proxyjump": ("gate",)} if "-J" in words else {}
        return {"hostname": (host,), "port": ("22",), "user": ("u",), **jump}

    monkeypatch.setattr(openssh, "ask", ask)
    monkeypatch.setattr(openssh, "client", lambda executable: "/usr/bin/ssh")
    monkeypatch.setattr(ssh_config, "SYSTEM", home / "none")
    routes = Routes()
    for _ in range(3):
        routes.to(connection.settings("node-a", {"ansible_ssh_common_args": arguments.format(home=home)}))
    assert len(calls) == asked


def test_an_option_of_a_newer_openssh_counts_only_where_it_is_set(tmp_path: Path, monkeypatch):
    fake = tmp_path / "ssh"
    fake.write_text(
        "#!/bin/sh\necho hostname x; echo port 22; echo user u\n"
        'case "$*" in *none*) echo newthing no;; *) echo newthing $NEW;; esac\n'
    )
    fake.chmod(0o755)
    files = ssh_config.Files(None, None, Path.home())
    monkeypatch.setenv("NEW", "no")
    assert openssh.ask(str(fake), [], "x", files, config=None)["port"] == ("22",)
    monkeypatch.setenv("NEW", "yes")
    with pytest.raises(ConfigError, match="newthing yes is not known"):
        openssh.ask(str(fake), [], "x", files, config=None)


def test_a_client_that_hangs_is_not_waited_for_endlessly(tmp_path: Path, monkeypatch):
    fake = tmp_path / "ssh"
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr(openssh, "SECONDS", 0.1)
    with pytest.raises(ConfigError, match="does not answer within"):
        openssh.ask(str(fake), [], "x", ssh_config.Files(None, None, Path.home()), config=None)


@needs_ssh
def test_every_option_that_this_openssh_has_is_sorted():
    done = subprocess.run(["ssh", "-G", "-F", "none", "x"], capture_output=True, text=True, timeout=30, check=True)
    assert set(openssh.parse(done.stdout)) <= ssh_options.KNOWN
    assert ssh_options.unsupported(openssh.parse(done.stdout)) == []


# -- where there is no OpenSSH


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("Host node-?\n HostName %h.x\n Port 2\nHost *\n Port 3\n User u\n", ["u@node-a.x:2"]),
        ("Include more\nMatch all\n User u\n", ["u@node-a:9"]),
        ("Host other\n Include more\nHost *\n User u\n", ["u@node-a:22"]),
        ("Host node-a\n ProxyJump me@b:7 # by the gate\n", ["me@b:7", f"{ME}@node-a:22"]),
        ("Host other\n Port x\n", [f"{ME}@node-a:22"]),
        ("Host node-a\n ConnectTimeout 5s\n", [f"{ME}@node-a:22"]),
        ("Match host node-a\n Port 2\n", ".ssh/config:1: Match host node-a"),
        ("\nMatch exec true\n Port 2\n", ".ssh/config:2: Match exec true"),
        ("Host *\n CanonicalizeHostname yes\n", ".ssh/config:2: canonicalizehostname yes"),
        ("Host *\n Foo bar\n", ".ssh/config:2: foo bar"),
        ('Host "a\n Port 1\n', ".ssh/config:1: a quotation mark is not closed"),
        ("Host *\n Port\n", ".ssh/config:2: port has no value"),
        ("Host *\n Port x\n", "Port is 'x'"),
        ("Host *\n KnownHostsCommand x\n", ".ssh/config:2: knownhostscommand x"),
    ],
)
def test_without_openssh_simple_files_are_read_and_others_refused(home: Path, monkeypatch, config, expected):
    monkeypatch.setattr(openssh, "client", lambda executable: None)
    configured(home, "Port 9\n", "more")
    configured(home, config)
    if isinstance(expected, list):
        assert ends(way()) == expected
    else:
        with pytest.raises(ConfigError) as caught:
            way()
        assert expected in str(caught.value)


def test_without_openssh_arguments_that_only_it_can_apply_are_refused(home: Path, monkeypatch):
    monkeypatch.setattr(openssh, "client", lambda executable: None)
    with pytest.raises(ConfigError, match="canonicalizehostname needs OpenSSH"):
        way(ansible_ssh_common_args="-o CanonicalizeHostname=yes")
    assert ends(way(ansible_ssh_common_args="-o HostName=x -o ProxyJump=none")) == [f"{ME}@x:22"]


WORD = st.sampled_from(["node-a", "node-*", "!node-a", "*", "other", "?ode-a", "x y", '"node-a"'])
LINE = st.one_of(
    st.lists(WORD, min_size=1, max_size=3).map(lambda words: f"Host {' '.join(words)}"),
    st.sampled_from(["Match all", "Include more", "Include 'more'", "# c", "", "Host=node-a", "host \t= node-a"]),
    st.sampled_from(
        ["Port 7", "port=8", 'Port "9" # c', "Port\t= 10", "User ops", "User 'a b'", 'user="c"', "User d#e"]
    ),
    st.sampled_from(["HostName 10.0.0.1", "HostName %h.example", "Hostname=%%", "SendEnv X", "Match host node-a"]),
    st.sampled_from(["Match originalhost other user ops", "Match final all", "ProxyJump none", "Match host=node-a"]),
)


@needs_ssh
@settings(max_examples=40, deadline=None)
@given(lines=st.lists(LINE, max_size=8), more=st.lists(LINE, max_size=4))
def test_random_configurations_lead_where_ssh_leads(tmp_path_factory: pytest.TempPathFactory, lines, more):
    """Asked or read here, the answer is ssh's; or it is refused. One process of ssh for each example."""
    home = tmp_path_factory.mktemp("home")
    configured(home, "\n".join(more), "more")
    text = (
        "\n".join(lines).replace("Include more", f"Include {home}/.ssh/more").replace("'more'", f"'{home}/.ssh/more'")
    )
    file = configured(home, text)
    asked = ["ssh", "-G", "-F", str(file), "node-a"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    theirs = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in done.stdout.splitlines() if " " in line}
    files = ssh_config.Files.of(home, str(file))
    if not ssh_config.matters(files):
        assert (theirs["hostname"], theirs["port"], theirs["user"]) == ("node-a", "22", ME)
    try:
        ours = ssh_config.lookup(files, "node-a")
        hop, _ = route.hop(connection.settings("node-a", {}), "node-a", ours, home, target=True)
    except ConfigError:
        return
    assert done.returncode == 0, (text, done.stderr)
    assert (hop.host, str(hop.port), hop.user) == (theirs["hostname"], theirs["port"], theirs["user"]), (text, more)
