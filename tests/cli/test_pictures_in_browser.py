"""Pictures as a browser draws them: the right colours, in the light and in the dark; no text cut.

These tests need Chromium or Chrome; without one, test_pictures.py still looks at what is drawn.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import zarr
from browser import BROWSER, result_of, screenshot

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")

SVG = "{http://www.w3.org/2000/svg}"
LONG = "a-recording-with-a-long-name-of-the-third-of-march-" * 3

_MEASURE = """
<pre id="result"></pre><script>
const found = [];
for (const svg of document.querySelectorAll("svg")) {
  const room = svg.getBoundingClientRect();
  const all = [...svg.querySelectorAll("text")];
  const texts = all.map(text => [text.textContent, text.getBoundingClientRect()]);
  for (const [words, a] of texts) {
    if (a.left < room.left || a.right > room.right || a.bottom > room.bottom)
      found.push([words, "is cut"]);
    for (const [other, b] of texts)
      if (a !== b && a.left < b.right && b.left < a.right
          && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
        found.push([words, other]);
  }
}
document.getElementById("result").textContent = JSON.stringify(found);
</script>
"""


@pytest.fixture
def pictures(shell: Any) -> list[Path]:
    """Pictures of plans and chunks, with what may not fit in them."""
    grid = np.arange(400 * 8, dtype="<f4").reshape(400, 8)
    for name, rows in (("x", 100), (LONG, 55), ("z", 2)):
        zarr.create_array(f"{name}.zarr", data=grid[:rows], chunks=(10, 4))
    sparse = zarr.create_array("sparse.zarr", shape=(90, 70, 4), chunks=(10, 10, 2), dtype="f4")
    sparse[20:60, 30:] = np.random.default_rng(0).random((40, 40, 4))
    np.savez("set.npz", **{LONG: grid, "y": grid[:, 0], "w": grid[:9]})
    dry = ("-n", "-q", "-j", 2, "--picture")
    shell.ok("concat", "x.zarr", f"{LONG}.zarr", "z.zarr", "x.zarr", "-o", "j.zarr", *dry, "0.svg")
    shell.ok("split", "x.zarr", "-o", "s{index}.npy", "--size", 7, "--hop", 3, *dry, "1.svg")
    shell.ok("split", "x.zarr", "-o", f"{LONG}{{index}}.zarr", "--size", 30, *dry, "2.svg")
    shell.ok("split", "set.npz", "-o", "p{index}.npz", "--size", 3, "--axis", "w=0", "--axis",
             "*=carry", *dry, "3.svg")  # fmt: skip
    for number, ref in ((4, "sparse.zarr"), (5, "set.npz"), (6, f"{LONG}.zarr")):
        shell.ok("info", ref, "--picture", f"{number}.svg")
    return [Path(f"{number}.svg").resolve() for number in range(7)]


def test_no_text_is_cut_or_lies_on_another(pictures: list[Path]) -> None:
    page = Path("page.html").resolve()
    page.write_text("".join(path.read_text() for path in pictures) + _MEASURE)
    assert result_of(page) == []


def test_colours_in_the_light_and_in_the_dark(pictures: list[Path]) -> None:
    drawn = [ET.fromstring(pictures[number].read_text()) for number in (0, 4)]
    heights = [int(float(root.get("height", 0))) for root in drawn]
    parts = [
        f'<img src="{pictures[number].as_uri()}" style="display:block;color-scheme:{scheme}">'
        for scheme in ("light", "dark")
        for number in (0, 4)
    ]
    page = Path("page.html").resolve()
    page.write_text(f'<meta charset="utf-8"><body style="margin:0">{"".join(parts)}')
    pixels = screenshot(page, 1000, 2 * sum(heights))
    top, seen = 0, set()
    for scheme in ("light", "dark"):
        for root, height in zip(drawn, heights, strict=True):
            colours = _colours(str(root.findtext(f"{SVG}style")), scheme)
            for box in root.findall(f"{SVG}rect"):
                kind = str(box.get("class")).split()[0]
                x, y, wide, tall = (float(box.get(n, 0)) for n in ("x", "y", "width", "height"))
                if kind not in colours or wide < 6 or tall < 6 or not box.findall(f"{SVG}title"):
                    continue
                rows = slice(int(top + y) + 2, int(top + y + tall) - 1)
                inside = pixels[rows, int(x) + 2 : int(x + wide) - 1]
                assert np.median(inside, axis=(0, 1)).tolist() in colours[kind], (scheme, kind)
                seen.add((scheme, kind))
            top += height
    kinds = {"even", "odd", "encoded", "decoded", "absent", "heat0", "heat5"}
    assert {(scheme, kind) for scheme in ("light", "dark") for kind in kinds} <= seen


def _colours(style: str, scheme: str) -> dict[str, list[list[int]]]:
    """The fill of each class; a box that is absent has others on it."""
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    rules = dict(re.findall(r"\.([a-z]+\d?)\{fill:#(\w{6})", light))
    if scheme == "dark":
        rules |= dict(re.findall(r"\.([a-z]+\d?)\{fill:#(\w{6})", dark))
    fills = {kind: [int(code[i : i + 2], 16) for i in (0, 2, 4)] for kind, code in rules.items()}
    heat = [fill for kind, fill in fills.items() if kind.startswith("heat")]
    return {k: [fill, *heat] if k == "absent" else [fill] for k, fill in fills.items()}
