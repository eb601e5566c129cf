"""The site: `pip install -e ".[docs]" && sphinx-build -W -b html docs site/html`.

Pages are plain Markdown, and read as well where nothing builds them. Their blocks of "python" are
run as the site is built, in order, in one process a page; those of "py" are only shown.
"""

import re
from collections import namedtuple

from jaxneuro.version import __version__

project = "jaxneuro"
copyright = "the jaxneuro developers"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["site", "_templates"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "jaxneuro"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "force"
nb_execution_in_temp = True  # pages write files
nb_execution_timeout = 300
nb_execution_raise_on_error = False  # -W makes it an error, and the page is named with its reason
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"  # progress

default_role = "code"  # docstrings write `names` as Markdown does
autodoc_default_options = {"members": True, "imported-members": True}
autodoc_member_order = "alphabetical"
autodoc_typehints = "none"  # signatures have names and defaults; docstrings have shapes
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# "sample" in a docstring is an axis, not a name to be linked; and docstrings are not docutils' own
# markup. What Markdown pages say wrong is an error.
suppress_warnings = ["ref.python", "docutils"]

_SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:", "Yields:")
_homes = {}
_FIELD = type(namedtuple("_Two", "first second").first)  # pyright: ignore
_NOTEBOOK = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n"


def run_code(app, docname, source):
    """Pages with code to run become notebooks."""
    del app, docname
    if "```python\n" in source[0]:
        source[0] = _NOTEBOOK + source[0].replace("```python\n", "```{code-cell} python\n")


def plain_text(app, what, name, obj, options, lines):
    """Docstrings are prose with shapes such as (*axes, sample): a star or a bar is itself, and what
    is indented below a colon keeps its lines."""
    del app, what, name, obj, options
    made, listed = [], None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        parts = re.split(r"(`[^`]*`)", line)
        parts[::2] = [re.sub(r"([*|\\])|(?<=\w)(_)(?!\w)", r"\\\1\2", part) for part in parts[::2]]
        text = "".join(parts)
        if listed is None and made and line.strip():
            before = made[-1].rstrip()
            inside = depth > len(made[-1]) - len(made[-1].lstrip()) and before.endswith(":")
            if inside and before.strip() not in _SECTIONS:
                listed = depth
                made.append("")
        if listed is not None and (depth < listed or not line.strip()):
            made.append("")
            listed = None
        made.append(text if listed is None else " " * (listed - 2) + "| " + text.strip())
    lines[:] = made


def skip_fields(app, what, name, obj, skip, options):
    """Fields of a NamedTuple stand in its docstring; scikit-learn's requests are its own; and a
    class that several modules show has one page."""
    del what, options
    routing = re.fullmatch(r"set_\w+_request|get_metadata_routing", name)
    page = app.env.temp_data.get("docname")
    elsewhere = isinstance(obj, type) and page and _homes.setdefault(obj, page) != page
    return True if routing or elsewhere or isinstance(obj, _FIELD) else skip


def setup(app):
    app.connect("source-read", run_code)
    app.connect("autodoc-process-docstring", plain_text, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip_fields)
