"""Draws the first screen of README.md from what the demo left: `python docs/first_screen.py docs/first-screen.svg`."""

import io
import sys
from pathlib import Path

from rich.console import Console

from churn_assets.cli.first_screen import print_first_screen
from churn_assets.cli.options import command
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings

settings = Settings()
console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
console.print(f"$ {command()} summary")
print_first_screen(Lakehouse(settings), load_business(settings.business_path), console)
Path(sys.argv[1]).write_text(console.export_svg(title="churn-assets summary"), encoding="utf-8")
