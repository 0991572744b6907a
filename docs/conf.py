"""The documentation site: `make docs` builds it with Sphinx, and every warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_site"), str(HERE.parent)]

import concatsplit_core  # noqa: E402

project = "concatsplit"
author = "the concatsplit developers"
version = release = concatsplit_core.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_site"]
html_theme = "furo"
html_title = f"concatsplit {release}"
html_copy_source = False
html_show_copyright = False
html_math_renderer = "mathml"
smartquotes = False  # two dashes are two dashes
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"


def setup(app: Any) -> None:
    """Let pages take what is written elsewhere, and formulas be MathML, which needs no script."""
    import formulas
    import sources

    app.connect("source-read", sources.fill)
    formulas.add_to(app)
