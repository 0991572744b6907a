"""A browser without a window: what it draws of a page, and where it puts things."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, _NAMES)), None)
"""The browser, where there is one."""


def _browse(page: Path, *options: str) -> str:
    done = subprocess.run(
        [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={page.parent}/profile",
            *options, page.as_uri(),
        ],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout


def screenshot(page: Path, width: int, height: int) -> np.ndarray:
    """The pixels of a page, as an array of height, width and three colours."""
    image = page.with_suffix(".png")
    _browse(page, f"--window-size={width},{height}", f"--screenshot={image}")
    with Image.open(image) as drawn:
        return np.asarray(drawn.convert("RGB"))


def result_of(page: Path) -> Any:
    """What a page's script has left, as JSON, in the element `result`."""
    document = _browse(page, "--dump-dom")
    (found,) = re.findall(r'<pre id="result">(.*?)</pre>', document, re.DOTALL)
    return json.loads(unescape(found))
