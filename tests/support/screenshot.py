"""The screen of `status --watch` as a picture for the docs: `script/screenshot` writes it."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from cli.tables.watch import screen
from provisioner.report.terminal import Terminal
from tests.support import watched

WIDE, HIGH = 80, 18


def picture() -> str:
    """An SVG that needs nothing from anywhere: fonts are the reader's own."""
    console = Console(record=True, width=WIDE, file=io.StringIO(), force_terminal=True, color_system="standard")
    lines = screen(watched.document(), Terminal(WIDE, colour=True), HIGH)
    console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
    return console.export_svg(title="invoke status --hosts prod3 --watch", unique_id="watch", code_format=FORMAT)


# rich's own, without the fonts that it fetches from the network.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>"""


if __name__ == "__main__":
    print(picture())
