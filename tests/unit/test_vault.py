"""What ansible-vault wrote: the format, the passwords, and inventories that hold it. Its 2.19 made the texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.common import Run, for_machines
from provisioner import hidden
from provisioner.errors import ConfigError, ProvisionerError, Several
from provisioner.inventory import vault
from provisioner.inventory.model import Inventory
from provisioner.inventory.vault_keys import ASK, FILE, FILE_VARIABLE, ID, LIST_VARIABLE, Keys, Source, sources
from provisioner.report.lines import clean
from provisioner.secrets import MASK, mask, shown
from tests.support import roles as support

PASSWORD, OTHER = "hunter2-of-vault", "other-password"
VALUE = """$ANSIBLE_VAULT;1.1;AES256
34313036633966373936643234336635396366326139383935343439393331613963633033373862
3734333234633534653839653330363530323663653239330a323831383132326335383932376462
37353939623931313164346532343366333834376365313937613638306539353961643564343730
6163623739343364360a376438333839653665323662313436613266306232353162393036633432
3061
"""
LABELLED = """$ANSIBLE_VAULT;1.2;AES256;prod
32323839316432376464343335303537336131343030376135343364363664383761363566646166
6466613830656537613764346639343434656364646362360a386464386365316432303438626132
33383132373065353939323562653561326437326562643233373838613437303530653536373465
3563386662616531320a343139313166646635666338373764373736333831366130303632326432
3735
"""
FILE_OF_VARS = """$ANSIBLE_VAULT;1.1;AES256
35396539393435356437343533343133346635373531653431346439366537613863636562636464
3662383032366336363239323930373032383763353132380a303862643861623737373866346365
35316334363436616131616538336331663936653466656437663237613133663238656435376165
6564633038343535320a396531323066323834616662353463356336616134623939386532616532
32646430393432643739366130366538306432333738656163353064373938666639626331373066
3766646632343433363732666234316366346230636165653566
"""
SECRET, SECRET_2, RACK = "s3cret of kafka", "s3cret two", "rack-of-file"


@pytest.fixture(autouse=True)
def nothing_hidden_and_no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("ANSIBLE_VAULT_")]:
        monkeypatch.delenv(name)
    hidden.forget()
    yield
    hidden.forget()


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return path


def nobody(prompt: str) -> str:
    raise AssertionError("nothing is to be asked")


# -- the format


@pytest.mark.parametrize(
    ("text", "label", "with_password", "says"),
    [
        (VALUE, "default", PASSWORD, SECRET),
        (textwrap.indent(VALUE, "      "), "default", PASSWORD, SECRET),
        (VALUE.replace("\n", "\r\n"), "default", PASSWORD, SECRET),
        (LABELLED, "prod", OTHER, SECRET_2),
        (LABELLED, "prod", PASSWORD, None),
        (VALUE, "default", PASSWORD + "\n", None),
        (FILE_OF_VARS, "default", PASSWORD, "kafka_rack: rack-of-file\nkafka_heap: 640m\n"),
    ],
)
def test_what_ansible_vault_wrote_is_opened_by_its_password_alone(text, label, with_password, says):
    sealed = vault.parse(text)
    assert sealed.label == label and vault.opened(sealed, with_password.encode()) == says


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with"),
        ("secret", "does not begin with"),
        ("$ANSIBLE_VAULT\n3132", "does not begin with"),
        ("$ANSIBLE_VAULT;1.0;AES\n3132", "its format is 1.0;AES"),
        ("$ANSIBLE_VAULT;1.2;AES256\n3132", "its format is 1.2;AES256"),
        ("$ANSIBLE_VAULT;1.1;AES\n3132", "its cipher is AES"),
        ("$ANSIBLE_VAULT;1.1;AES256", "a line may be missing"),
        ("$ANSIBLE_VAULT;1.1;AES256\nxyz", "a line may be missing"),
        ("\n".join(VALUE.splitlines()[:-2]), "a line may be missing"),
        ("\n".join(VALUE.splitlines()[:3]), "a line may be missing"),
    ],
)
def test_a_damaged_text_is_told_from_a_wrong_password(text, why):
    with pytest.raises(vault.Damaged, match=why):
        vault.parse(text)


def test_a_changed_text_is_not_opened():
    lines = VALUE.splitlines()
    lines[-1] = "3062"
    assert vault.opened(vault.parse("\n".join(lines)), PASSWORD.encode()) is None


# -- the passwords


def test_sources_come_in_ansibles_order_with_their_labels(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.touch()
    two.touch()
    environment = {LIST_VARIABLE: f"dev@{one}, {two}", FILE_VARIABLE: "unused", "ANSIBLE_VAULT_IDENTITY": "mine"}
    found = sources([str(one)], [f"prod@{two}", "ask@prompt", str(one)], True, environment)
    assert [(source.label, source.where, source.given) for source in found] == [
        ("dev", str(one), LIST_VARIABLE),
        ("mine", str(two), LIST_VARIABLE),
        ("prod", str(two), ID),
        ("ask", "prompt", ID),
        ("mine", str(one), ID),
        ("mine", str(one), FILE),
        ("mine", "prompt", ASK),
    ]
    assert sources(environment={FILE_VARIABLE: "~/pw"}) == [Source("default", "~/pw", FILE_VARIABLE)]
    assert sources(environment={}) == []


@pytest.mark.parametrize(("flag", "as_what"), [(FILE, "files"), (ID, "ids")])
def test_a_file_that_is_named_and_not_there_is_said_at_once(tmp_path: Path, flag: str, as_what: str):
    where = tmp_path / "nope"
    with pytest.raises(ConfigError, match=f"{flag}: {where} does not exist"):
        sources(**{as_what: [str(where)]})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is a directory"):
        sources(**{as_what: [str(tmp_path)]})  # type: ignore[arg-type]


def test_a_variable_that_names_no_file_does_no_harm_until_it_is_needed():
    keys = Keys(sources(environment={FILE_VARIABLE: "/nope/pw"}), nobody)
    with pytest.raises(ConfigError, match=f"{FILE_VARIABLE}: /nope/pw does not exist"):
        keys.decrypt(VALUE, "kafka_rack")


def test_the_password_with_the_same_label_is_tried_first_and_the_others_after_it(password: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.write_text(OTHER)
    asked = list[str]()

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return OTHER

    keys = Keys([Source("default", str(password), ID), Source("prod", "prompt", ID)], ask)
    assert keys.decrypt(VALUE, "a") == SECRET and not asked, "a prompt that is not needed"
    assert keys.decrypt(LABELLED, "b") == SECRET_2 and asked == ["Vault password (prod): "]
    assert keys.decrypt(LABELLED, "b") == SECRET_2 and len(asked) == 1
    assert Keys([Source("default", str(other), ID)], nobody).decrypt(LABELLED, "b") == SECRET_2
    with pytest.raises(ConfigError, match="another password") as caught:
        Keys([Source("default", str(other), ID)], nobody, only=True).decrypt(LABELLED, "b")
    assert "no password has that label" in caught.value.details[0]


def test_a_wrong_password_names_what_was_tried_and_no_secret(password: Path):
    with pytest.raises(ConfigError) as caught:
        Keys([Source("default", str(password), FILE)], nobody).decrypt(LABELLED, "kafka_rack")
    said = caught.value.lines()
    assert said[:2] == [
        "kafka_rack was encrypted under the label prod with another password than those that were given",
        f"    tried: {password}",
    ]
    assert PASSWORD not in "\n".join(said)


def program(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_program_gives_the_password_and_a_client_is_told_the_label(tmp_path: Path):
    plain = program(tmp_path / "give", f"assert sys.argv[1:] == []\nprint({PASSWORD!r})")
    assert Keys([Source("dev", str(plain), ID)], nobody).decrypt(VALUE, "a") == SECRET
    client = program(tmp_path / "ring-client.py", f"assert sys.argv[1:] == ['--vault-id', 'prod']\nprint({OTHER!r})")
    assert Keys([Source("prod", str(client), ID)], nobody).decrypt(LABELLED, "a") == SECRET_2


@pytest.mark.parametrize(
    ("body", "says"),
    [("sys.exit(3)", "ended with exit code 3"), ("", "gives an empty password")],
)
def test_a_program_that_gives_none_is_named(tmp_path: Path, body: str, says: str):
    path = program(tmp_path / "give", body)
    with pytest.raises(ConfigError, match=says):
        Keys([Source("default", str(path), FILE)], nobody).decrypt(VALUE, "a")


def test_a_file_with_a_password_that_is_executable_is_told_what_to_do(password: Path):
    password.chmod(0o755)
    with pytest.raises(ConfigError, match="cannot be run") as caught:
        Keys([Source("default", str(password), FILE)], nobody).decrypt(VALUE, "a")
    assert f"chmod -x {password}" in str(caught.value.advice)


def test_an_encrypted_file_is_no_password(password: Path):
    password.write_text(FILE_OF_VARS)
    with pytest.raises(ConfigError, match="is encrypted itself"):
        Keys([Source("default", str(password), FILE)], nobody).decrypt(VALUE, "a")


def test_a_run_has_passwords_from_flags_or_from_the_environment(password: Path, monkeypatch: pytest.MonkeyPatch):
    assert Run("site").decrypt() is None
    for run in (Run("site", vault_password_file=[str(password)]), Run("site", vault_id=[f"dev@{password}"])):
        assert run.decrypt()(VALUE, "a") == SECRET
    monkeypatch.setattr("cli.asking.secret", lambda prompt: PASSWORD)
    assert Run("site", ask_vault_pass=True).decrypt()(VALUE, "a") == SECRET
    monkeypatch.setenv("ANSIBLE_VAULT_ID_MATCH", "1")
    assert Run("site").decrypt() is None
    monkeypatch.setenv(FILE_VARIABLE, str(password))
    assert Run("site").decrypt()(VALUE, "a") == SECRET


# -- inventories


HOSTS = """all:
  children:
    zookeeper: {hosts: {kafka1: }}
    kafka:
      hosts: {kafka1: {ansible_host: 192.0.2.1}}
      vars:
"""


@pytest.fixture
def site(tmp_path: Path, password: Path) -> Callable[..., Inventory]:
    """site(variables of the brokers, {file: text}, keys=): the inventory as it is loaded. keys: with the password."""

    def load(variables: str, files: dict[str, str] | None = None, keys: bool = True, **more: object) -> Inventory:
        path = tmp_path / "inventory" / "site.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOSTS + textwrap.indent(textwrap.dedent(variables), " " * 8))
        for name, text in (files or {}).items():
            (path.parent / name).parent.mkdir(exist_ok=True)
            (path.parent / name).write_text(text)
        decrypt = Keys(sources([str(password)]), nobody).decrypt if keys else None
        return support.load(str(path), root=tmp_path, specs=support.SPECS, decrypt=decrypt, **more)  # type: ignore[arg-type]

    return load


def tagged(name: str, text: str = VALUE) -> str:
    return f"{name}: !vault |\n{textwrap.indent(text, '  ')}"


def test_a_value_is_used_like_any_other_and_is_no_template(site):
    inventory = site(
        tagged("secret")
        + "nested: {deep: [1, !vault '"
        + " ".join(VALUE.split())
        + "']}\n"
        + 'kafka_rack: "{{ nested.deep[1] }}"\nkafka_config: {message: "{{ secret }}!"}\n'
    )
    variables = inventory.hosts["kafka1"].vars
    assert variables["kafka_rack"] == SECRET and variables["kafka_config"]["message"] == f"{SECRET}!"


def test_a_whole_file_sets_variables(site):
    variables = site("kafka_port: 9192", {"group_vars/kafka.yml": FILE_OF_VARS}).hosts["kafka1"].vars
    assert variables["kafka_rack"] == RACK and variables["kafka_heap"] == 640 * 2**20
    (remark,) = site("kafka_port: 9192", keys=False).remarks
    assert "group_vars/kafka.yml is encrypted by ansible-vault" in remark


def test_extra_vars_and_the_inventory_itself_may_be_encrypted(site, tmp_path: Path, password: Path):
    extra = tmp_path / "extra.yml"
    extra.write_text(FILE_OF_VARS)
    assert site("kafka_port: 9192", extra_vars=[f"@{extra}"]).hosts["kafka1"].vars["kafka_rack"] == RACK
    whole = tmp_path / "inventory" / "site.yml"
    whole.write_text(HOSTS + "        kafka_rack: rack-of-inventory\n")
    vault_of(whole, password)
    decrypt = Keys(sources([str(password)]), nobody).decrypt
    found = support.load(str(whole), root=tmp_path, specs=support.SPECS, decrypt=decrypt)
    assert found.hosts["kafka1"].vars["kafka_rack"] == "rack-of-inventory"
    assert clean("rack-of-inventory") == MASK


def vault_of(path: Path, password: Path) -> None:
    """Encrypt a file with the real ansible-vault."""
    tool = Path(sys.executable).with_name("ansible-vault")
    command = [str(tool), "encrypt", "--vault-password-file", str(password), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_what_nothing_needs_may_be_encrypted_with_another_password(site):
    foreign = tagged("secret", LABELLED) + "kafka_rack: plain\nown: {open: a, closed: !vault x}\n"
    variables = site(foreign + 'kafka_config: {message: "{{ own.open }}"}\n').hosts["kafka1"].vars
    assert variables["kafka_config"]["message"] == "a"
    with pytest.raises(ProvisionerError) as caught:
        site(tagged("kafka_rack", LABELLED))
    said = str(caught.value)
    assert "kafka_rack was encrypted under the label prod with another password" in said
    assert "in: inventory/site.yml:7" in said


def test_without_a_password_the_flags_are_named(site):
    with pytest.raises(ConfigError, match="kafka_rack is encrypted by ansible-vault") as caught:
        site(tagged("kafka_rack"), keys=False)
    assert "--vault-password-file" in str(caught.value.advice) and "--ask-vault-pass" in str(caught.value.advice)


# -- what is shown


def test_what_was_decrypted_is_shown_nowhere_whatever_it_is_called(site):
    assert clean(SECRET) == SECRET
    site(tagged("kafka_rack"), {"host_vars/kafka1.yml": FILE_OF_VARS})
    assert clean(f"broker.rack={RACK}, {PASSWORD}") == f"broker.rack={MASK}, {MASK}"
    assert mask(f"+broker.rack={RACK}\n+port=9092") == f"+broker.rack={MASK}\n+port=9092"
    assert shown({"rack": RACK, "list": [RACK]}) == {"rack": MASK, "list": [MASK]}


def test_a_document_for_machines_does_not_hold_it():
    hidden.add(RACK)
    assert json.loads(for_machines({"rack": RACK, "port": 9092})) == {"rack": MASK, "port": 9092}


def test_an_error_about_a_decrypted_value_does_not_show_it(site):
    with pytest.raises((ConfigError, Several)) as caught:
        site(tagged("kafka_heap"))
    shown_lines = "\n".join(map(clean, caught.value.lines()))
    assert "kafka_heap" in shown_lines and SECRET not in shown_lines


def test_every_form_in_which_a_value_is_written_is_hidden():
    value = 'pass"word\\with\nsecond-line é'
    hidden.add(value)
    for text in (value, json.dumps(value), 'key=pass"word\\\\with'):
        assert "word" not in clean(text) and "second-line" not in clean(text), text
    assert mask(f"a={value}").count("\n") == 1, "a text has as many lines as before"


def test_names_of_hosts_and_groups_are_shown_though_a_value_is_the_same(site):
    site_file = "kafka_rack: kafka1\nkafka_config: {a: zookeeper, b: kafka1-of-rack}\n"
    for value in ("kafka1", "zookeeper", "kafka1-of-rack"):
        hidden.add(value)
    site(site_file)
    assert clean("zookeeper on kafka1: kafka1-of-rack") == f"zookeeper on kafka1: {MASK}"


@pytest.mark.parametrize("value", ["", "abc", "True", "localhost", "\n\n"])
def test_a_value_that_is_in_every_text_is_not_hidden(value: str):
    hidden.add(value)
    assert clean("True localhost abc") == "True localhost abc"
