"""Documents as HTML: one file with embedded pictures, without scripts and without links to other machines.

All markup is in the templates, one per block. All colours and fonts are in templates/style.css.
"""

from collections.abc import Callable, Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from churn_assets.reporting.blocks import Bar, Block, Code, Document, Strong
from churn_assets.reporting.figures import png_uri


def html_page(document: Document, pictures: Mapping[str, bytes]) -> str:
    """The whole page as HTML.

    Args:
        pictures: name in the document -> PNG.
    """
    addresses = {name: png_uri(png) for name, png in pictures.items()}
    return _environment().get_template("page.html.j2").render(document=document, pictures=addresses)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("churn_assets.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["template_of"] = _template_of
    environment.tests |= {"bar": _is(Bar), "code": _is(Code), "strong": _is(Strong)}
    return environment


def _is(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)


def _template_of(block: Block) -> str:
    kind = "paragraph" if isinstance(block, str | tuple) else type(block).__name__.lower()
    return f"{kind}.html.j2"
