"""How Sphinx builds the documentation."""

import trio_websocket

project = "trio-websocket"
author = "The trio-websocket contributors"
copyright = f"2026, {author}"  # noqa: A001 - the name that Sphinx wants
# Not from the metadata: that of an editable install is stale after a new version.
release = version = trio_websocket.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib_trio",
]
exclude_patterns = ["_build"]
default_role = "code"

autodoc_member_order = "groupwise"
maximum_signature_line_length = 88
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"trio-websocket {release}"
html_static_path = ["_static"]
html_css_files = ["diagrams.css", "tables.css"]
