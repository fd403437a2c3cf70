"""The Lambda that a Cognito user pool calls after a confirmation (PostConfirmation trigger).

It puts the confirmation on the SQS queue that phenom-provisioner reads, and returns the event unchanged, as Cognito
requires. Only the `sub` of the user leaves the pool: no e-mail address, no user name (which may be one), no attribute.
The service asks the pool about that `sub` before it believes the message.

Environment:
    QUEUE_URL    the queue (required)
    ENVIRONMENT  sent along as `environment`, so that a message in the wrong queue is refused
    FAIL_OPEN    `true` (default): when SQS cannot be reached, log that and let the person in; the service finds them
                 with its next listing of the pool. `false`: fail, and Cognito tells the person that something went wrong
"""

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

# Cognito waits 5 s for a trigger, the first start of the Lambda included.
DEADLINE_SECONDS = 3.0
# Two attempts, each with room for a slow handshake.
TIMEOUTS = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"})

# Without it, too, everybody gets in.
QUEUE_URL = os.environ.get("QUEUE_URL")
ENVIRONMENT = os.environ.get("ENVIRONMENT")
FAIL_OPEN = os.environ.get("FAIL_OPEN", "true").lower() != "false"

log = logging.getLogger("forwarder")
log.setLevel(logging.INFO)

# Made once for each instance of the Lambda: its connection is kept from one confirmation to the next.
sqs = boto3.client("sqs", config=TIMEOUTS)
# The timeouts above hold for each address of SQS and leave out the look-up of its name. A thread can be left behind.
senders = ThreadPoolExecutor(max_workers=8)


def message(event):
    """What the service needs to know of a confirmation, in the shape of Cognito's own event."""
    said = {key: event[key] for key in ("version", "triggerSource", "region", "userPoolId") if key in event}
    said["request"] = {"userAttributes": {"sub": event["request"]["userAttributes"]["sub"]}}
    if ENVIRONMENT:
        said["environment"] = ENVIRONMENT
    return json.dumps(said)


def forward(event):
    sending = senders.submit(sqs.send_message, QueueUrl=QUEUE_URL, MessageBody=message(event))
    return sending.result(timeout=DEADLINE_SECONDS)["MessageId"]


def handler(event, _context):
    """Called by Cognito. `PostConfirmation_ConfirmForgotPassword` is forwarded too: it makes sure the user exists."""
    if not str(event.get("triggerSource")).startswith("PostConfirmation_"):
        return event
    # Nothing about a person but the id goes into the log; the text of an error might hold more than its type.
    sub = None
    try:
        sub = event["request"]["userAttributes"]["sub"]
        log.info("forwarded the confirmation of %s as message %s", sub, forward(event))
    except Exception as error:  # Whatever it is, it must not keep anybody out.
        log.error("could not forward the confirmation of %s: %s", sub, type(error).__name__)
        if not FAIL_OPEN:
            raise RuntimeError("the confirmation could not be forwarded") from None
    return event
