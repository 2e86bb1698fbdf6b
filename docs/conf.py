"""The site: Markdown pages, some made from the code (generate.py). ``make docs`` builds it; its search works offline."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from generate import generate

generate()

project = "pmtrec"
author = "the authors of pmtrec"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "explanation/evidence/*"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "pmtrec"
html_show_copyright = False
html_static_path: list[str] = []
