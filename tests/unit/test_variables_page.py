"""docs/variables.md says what the roles' defaults.yml files say."""

from __future__ import annotations

from pathlib import Path

from cli.variables import page
from provisioner.inventory.variables import load_specs
from roles import site

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_not_stale():
    assert (ROOT / "docs" / "variables.md").read_text() == page(site.default_files()), "run script/variables"


def test_a_variable_is_shown_with_its_type_default_and_meaning(tmp_path):
    file = tmp_path / "app" / "defaults.yml"
    file.parent.mkdir()
    file.write_text(
        "# --- memory -----\n\n# The heap,\n# a size. a|b\napp_heap: !size 512m\n\n# --- more ---\n\n"
        "# Any options.\napp_opts: !list [-Xa, -Xb]\n# None.\napp_id: !int\n"
    )
    text = page([file])
    assert "## app\n" in text and text.index("### memory") < text.index("`app_heap`") < text.index("### more")
    assert "| `app_heap` | size | `512m` | The heap, a size. a\\|b |\n" in text
    assert "| `app_opts` | list | `[-Xa, -Xb]` | Any options. |\n" in text
    assert "| `app_id` | int |  | None. |\n" in text


def test_every_variable_is_on_it():
    text = (ROOT / "docs" / "variables.md").read_text()
    assert all(f"| `{name}` |" in text for name in load_specs(site.default_files()))
