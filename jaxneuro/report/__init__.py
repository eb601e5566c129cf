"""A page of results: tables, figures and facts go in, files come out.

Nothing here knows of fits. Matplotlib and Jinja2 are the extra `report`, imported where they are
used.
"""

from jaxneuro.report import figures
from jaxneuro.report.machine import versions
from jaxneuro.report.page import Figure, Table, write
from jaxneuro.report.terminal import closing_table

__all__ = ["Figure", "Table", "closing_table", "figures", "versions", "write"]
