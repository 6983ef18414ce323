"""A sender that can be killed: `python -m ... HOME LINES` delivers what the outbox holds until nothing waits.

LINES is the section `channels` as JSON. Pauses are short, so that a test need not wait.
"""

import json
import sys
import time

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.channels import delivery
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.settings import Settings

if __name__ == "__main__":
    delivery.FIRST_PAUSE, delivery.LONGEST_PAUSE = 0.05, 0.5
    settings = Settings(home=sys.argv[1])
    lines = [ChannelLine(**line) for line in json.loads(sys.argv[2])]
    outbox = Outbox(settings.home_path)
    while any(outbox.state(line.name).waiting for line in lines):
        delivery.deliver(outbox, lines, settings)
        time.sleep(0.02)
