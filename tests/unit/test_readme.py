"""The pages for users are true and the same in both languages: commands, addresses, tables, links, and the words that
our Korean does not use."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from cli.common import load_inventory
from lab.inventory import names
from lab.lab import Lab
from provisioner.inventory.variables import load_specs
from roles import site
from roles.kafka import listeners
from tests.support import markdown

ROOT = Path(__file__).resolve().parents[2]
# English and Korean, block by block.
PAIRS = [("README.md", "README.ko.md"), ("docs/first-hour.md", "docs/first-hour.ko.md")]
ENGLISH = ["README.md", "docs/first-hour.md", "docs/operations.md"]
KOREAN = ["README.ko.md", "docs/first-hour.ko.md", "docs/operations.ko.md"]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in [*ENGLISH, *KOREAN]}
INVENTORIES = sorted(path.stem for path in (ROOT / "inventory").glob("*.yml"))

# What stands in the place of a verb and is none.
OF_THE_COMMAND = ("help", "completion")
ADDRESSES = re.compile(r"[\w.-]+:\d{4,5}(?:,[\w.-]+:\d{4,5})*")
# Words that a Korean reader stumbles over; each with the one that says it.
STUMBLING = {
    r"아무도 모르게": "서비스가 중단됩니다",
    r"(?<![가-힣])문(?=[을이은에의과도마 ,.)|]|$)": "리스너",
    r"거절": "거부",
    r"평범": "낯설지 않습니다",
    r"조심스럽": "신중합니다",
    r"어떻게 보이나": "실행 화면",
    r"가장 먼저 바꾸는": "자주 바꾸는",
    r"떠날 브로커": "제거할 브로커",
    r"중간에 있습니다": "중간에서 가로채고 있을 수 있습니다",
    r"고정되어 있습니다": "바로 배포할 수 있습니다",
    r"닿을 수 없": "접속할 수 없",
    r"부족한 것을": "필요한 것을",
    r"바꿀 것이 없다는 것": "변경할 것이 없음",
    r"치울 것": "정리할 것",
    r"처음 가는": "처음 접속하는",
    r"동작하는 Kafka를 만들": "Kafka를 설치하고",
}


def first_cells(name: str) -> list[list[str]]:
    """What stands in backticks in the first column of every table: the rest is in the reader's language."""
    return [code for rows in markdown.tables(TEXTS[name]) for row in rows[1:] if (code := markdown.code(row[0]))]


def table(name: str, *headings: str) -> list[list[str]]:
    """The rows of the one table whose first heading is one of these."""
    (found,) = [rows for rows in markdown.tables(TEXTS[name]) if rows[0][0] in headings]
    return found[1:]


@pytest.mark.parametrize("english, korean", PAIRS)
def test_code_blocks_are_equal(english: str, korean: str):
    one, other = ([markdown.bare(block) for block in markdown.blocks(TEXTS[name])] for name in (english, korean))
    assert one == other and len(one) >= 2


@pytest.mark.parametrize("english, korean", PAIRS)
def test_tables_list_the_same(english: str, korean: str):
    assert first_cells(english) == first_cells(korean) and len(first_cells(english)) > 10


@pytest.mark.parametrize("english, korean", PAIRS)
def test_the_text_names_the_same_commands(english: str, korean: str):
    one, other = ({" ".join(words) for words in markdown.commands(TEXTS[name])} for name in (english, korean))
    assert one == other and len(one) >= 10


def test_what_the_korean_page_of_operations_shows_is_on_an_english_page():
    """So that an output which changes is changed in both."""
    known = {line.strip() for name in ENGLISH for block in markdown.blocks(TEXTS[name]) for line in block.splitlines()}
    known |= {line.strip() for line in markdown.bare("\n".join(known)).splitlines()}
    shown = [line.strip() for block in markdown.blocks(TEXTS["docs/operations.ko.md"]) for line in block.splitlines()]
    transcripts = [line for line in shown if markdown.bare(line) == line and not line.startswith(("invoke ", "cp "))]
    assert len(transcripts) > 80
    assert [line for line in transcripts if line not in known] == []


# -- what is said to be typed


@cache
def flags_of_verbs() -> dict[str, set[str]]:
    """{verb: its flags}, in either form where one is on unless it is denied."""
    import tasks

    found = {}
    for verb in tasks.namespace.task_names:
        own = list(inspect.signature(tasks.namespace[verb].body).parameters.values())[1:]
        flags = {f"--{one.name.strip('_').replace('_', '-')}" for one in own}
        flags |= {f"--no-{one.name.strip('_').replace('_', '-')}" for one in own if one.default is True}
        found[verb] = flags
    return found


def wrong(words: list[str]) -> list[str]:
    """What is wrong with a command: a verb or flags that do not exist."""
    verb, *rest = words[1:]
    if verb.startswith("-") or verb in OF_THE_COMMAND:
        return [] if verb in (*OF_THE_COMMAND, "--list", "--help", "--version") else [verb]
    if verb not in flags_of_verbs():
        return [verb]
    flags = (word.partition("=")[0].strip("[]") for word in rest if word.strip("[").startswith("--"))
    return [f"{verb} {flag}" for flag in flags if flag not in (*flags_of_verbs()[verb], "--help")]


@pytest.mark.parametrize("name", [*TEXTS, "CONTRIBUTING.md"])
def test_every_command_exists_with_its_flags(name: str):
    found = markdown.commands((ROOT / name).read_text(encoding="utf-8"))
    assert len(found) >= (1 if name == "CONTRIBUTING.md" else 8)
    assert [fault for words in found for fault in wrong(words)] == []


@pytest.mark.parametrize("name, heading", [("README.md", "verb"), ("README.ko.md", "명령")])
def test_the_table_of_verbs_names_flags_that_they_have(name: str, heading: str):
    found = [
        (cell.split("`")[1].split()[1], flag) for cell, said in table(name, heading) for flag in markdown.code(said)
    ]
    named = [(verb, flag.split()[0]) for verb, flag in found if flag.startswith("--")]
    assert len(named) > 60
    # `topics.alter` has "the same flags" as the row above it.
    assert [(verb, flag) for verb, flag in named if flag not in flags_of_verbs()[verb]] == []


def test_a_command_that_is_wrong_is_found():
    text = "`invoke deploi --hosts x`, `invoke restart --servce y`\n```\n$ invoke deploy --no-smoke  # --no\n```\n"
    assert [wrong(words) for words in markdown.commands(text)] == [[], ["deploi"], ["restart --servce"]]
    shown = "```\n$ invoke status --follow\nstatus has no flag --follow; logs has it\n$ invoke statu --hosts x\n```\n"
    assert [wrong(words) for words in markdown.commands(shown)] == [["statu"]]


def test_every_verb_is_named():
    for verb in flags_of_verbs():
        if not verb.startswith("lab."):
            assert f"`invoke {verb} " in TEXTS["README.md"], verb


# -- where applications connect


@cache
def addresses(inventory: str) -> tuple[str, str, str]:
    """bootstrap.servers of an inventory: from this machine, from another container, and from the host itself."""
    hosts = [host for host in load_inventory(inventory).hosts.values() if "kafka" in host.groups]
    inside = [listeners.inter_broker(host) for host in hosts]
    outside = [listeners.of(host)[-1] for host in hosts]
    between = ",".join(listener.advertised for listener in inside)
    return ",".join(listener.advertised for listener in outside), between, between


@pytest.mark.parametrize("english, korean", PAIRS)
def test_the_addresses_of_applications_are_those_of_the_inventories(english: str, korean: str):
    for name, heading in ((english, "inventory"), (korean, "인벤토리")):
        listed = []
        for first, *cells in table(name, heading):
            given = [markdown.code(cell)[0] if markdown.code(cell) else "" for cell in cells]
            said = tuple(address or given[0] for address in given)  # "the same"
            listed += markdown.code(first)
            assert [inventory for inventory in markdown.code(first) if addresses(inventory) != said] == []
        assert sorted(listed) == (sorted(names(ROOT)) if name.startswith("README") else INVENTORIES)


@pytest.mark.parametrize("name", [page for pair in PAIRS for page in pair])
def test_code_connects_to_addresses_that_an_inventory_gives(name: str):
    known = {address for inventory in INVENTORIES for address in addresses(inventory)}
    known |= {one for address in known for one in address.split(",")}
    found = [one for block in markdown.blocks(TEXTS[name]) for one in ADDRESSES.findall(block)]
    assert len(found) >= 3 and set(found) <= known


@pytest.mark.parametrize("name", [page for pair in PAIRS for page in pair])
def test_the_network_of_the_lab_has_the_name_that_docker_compose_gives_it(name: str):
    assert set(re.findall(r"kafka-lab-\w+", TEXTS[name])) == {f"{Lab('default').project}_default"}


# -- what else a page names


@pytest.mark.parametrize("name, heading", [("README.md", "variable"), ("README.ko.md", "변수")])
def test_every_variable_in_the_table_exists(name: str, heading: str):
    known = set(load_specs(site.default_files()))
    named = {variable for row in table(name, heading) for variable in re.findall(r"`(\w+)`", row[0])}
    assert named and named <= known


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str):
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        path, _, place = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        assert not place or place in markdown.anchors(page.read_text(encoding="utf-8")), target


# -- Korean


@pytest.mark.parametrize("name", KOREAN)
def test_korean_has_none_of_the_words_that_readers_stumble_over(name: str):
    found = {word: better for word, better in STUMBLING.items() if re.search(word, TEXTS[name], re.M)}
    assert found == {}


def test_a_word_that_is_part_of_another_is_no_stumbling():
    door = next(word for word, better in STUMBLING.items() if better == "리스너")
    assert not re.search(door, "때문에 문제가 있는 방문, 질문과 문서")
    assert all(re.search(door, text) for text in ("여러 개의 문", "문을 엽니다", "문 두 개"))


@pytest.mark.parametrize("name", KOREAN)
def test_comments_in_korean_code_blocks_are_korean(name: str):
    found = [comment for comment in markdown.comments(TEXTS[name]) if not re.search("[가-힣]", comment)]
    assert found == []
