"""The Lambda that a Cognito user pool calls after a confirmation (PostConfirmation trigger).

It puts the confirmation on the SQS queue that phenom-provisioner reads, and returns the event unchanged, as Cognito
requires. Only the `sub` of the user leaves the pool: no e-mail address, no user name (which may be one), no attribute.
The service asks the pool about that `sub` before it believes the message.

With NEXT_FUNCTION it also calls the function that was the trigger before, with the same event, and returns its answer.
Both happen at the same time, and neither waits for the success of the other.

Environment:
    QUEUE_URL       the queue (required), a standard one
    ENVIRONMENT     sent along as `environment`, so that a message in the wrong queue is refused
    FAIL_OPEN       `true` (default): when SQS cannot be reached, log that and let the person in; the service finds
                    them with its next listing of the pool. `false`: fail, and Cognito tells the person that something
                    went wrong
    NEXT_FUNCTION   name or ARN of the function that is called too, with `:ALIAS` where it has one
    NEXT_FAIL_OPEN  `true` (default): when that function fails, log that and let the person in. `false`: fail with its
                    own error, as if it were the trigger itself. That it could not be called at all never fails a
                    sign-up
"""

import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Cognito waits 5 s for a trigger, the first start of the Lambda included.
DEADLINE_SECONDS = 3.0
# The next function has a start of its own. What is left of the 5 s is for ours.
NEXT_DEADLINE_SECONDS = 4.0
# Two attempts, each with room for a slow handshake.
TIMEOUTS = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"})
# One attempt: the next function does its work once for each time that Cognito calls us.
NEXT_TIMEOUTS = Config(
    connect_timeout=1, read_timeout=NEXT_DEADLINE_SECONDS, retries={"total_max_attempts": 1, "mode": "standard"}
)

# Without it, too, everybody gets in.
QUEUE_URL = os.environ.get("QUEUE_URL")
ENVIRONMENT = os.environ.get("ENVIRONMENT")
FAIL_OPEN = os.environ.get("FAIL_OPEN", "true").lower() != "false"
NEXT_FUNCTION = os.environ.get("NEXT_FUNCTION")
NEXT_FAIL_OPEN = os.environ.get("NEXT_FAIL_OPEN", "true").lower() != "false"

log = logging.getLogger("forwarder")
log.setLevel(logging.INFO)


class Misconfigured(Exception):
    """What is wrong with the variables. Its text is for the log and names no person."""


def function_name(reference):
    """The bare name in a name, a partial ARN or an ARN, with or without a version or alias."""
    parts = reference.split(":")
    return parts[parts.index("function") + 1] if "function" in parts else parts[0]


def queue_problem():
    if not QUEUE_URL:
        return "QUEUE_URL is not set"
    if QUEUE_URL.endswith(".fifo"):
        return (
            f"QUEUE_URL names a FIFO queue ({QUEUE_URL}), which holds everybody up behind one message: "
            "make a standard queue"
        )
    return None


def next_problem():
    if NEXT_FUNCTION and function_name(NEXT_FUNCTION) == os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return "NEXT_FUNCTION names this function itself, which would call itself for ever: name the former trigger"
    return None


# Told at the start as well as at each confirmation: whoever installs it reads the log of the first call.
QUEUE_PROBLEM, NEXT_PROBLEM = queue_problem(), next_problem()
for problem in filter(None, (QUEUE_PROBLEM, NEXT_PROBLEM)):
    log.error("misconfigured: %s", problem)

# Made once for each instance of the Lambda: its connection is kept from one confirmation to the next.
sqs = boto3.client("sqs", config=TIMEOUTS)
functions = boto3.client("lambda", config=NEXT_TIMEOUTS) if NEXT_FUNCTION else None
# The timeouts above hold for each address of SQS and leave out the look-up of its name. A thread can be left behind.
workers = ThreadPoolExecutor(max_workers=8)


def message(event):
    """What the service needs to know of a confirmation, in the shape of Cognito's own event."""
    said = {key: event[key] for key in ("version", "triggerSource", "region", "userPoolId") if key in event}
    said["request"] = {"userAttributes": {"sub": event["request"]["userAttributes"]["sub"]}}
    if ENVIRONMENT:
        said["environment"] = ENVIRONMENT
    return json.dumps(said)


def forward(event):
    """Sends, and gives the message's id."""
    if QUEUE_PROBLEM:
        raise Misconfigured(QUEUE_PROBLEM)
    sending = workers.submit(sqs.send_message, QueueUrl=QUEUE_URL, MessageBody=message(event))
    return sending.result(timeout=DEADLINE_SECONDS)["MessageId"]


def reason(error):
    """Why a call failed, with the mend where AWS's code says enough. The text of an error might name a person."""
    if isinstance(error, Misconfigured):
        return str(error)
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = error.response.get("Error", {}).get("Code", "")
    if "kms" in code.lower():
        return f"{code}; the role lacks kms:GenerateDataKey and kms:Decrypt on the queue's key (policy-key.json)"
    if "AccessDenied" in code:
        lacks = "lambda:InvokeFunction" if error.operation_name == "Invoke" else "sqs:SendMessage"
        return f"{code}; the role lacks {lacks}"
    return f"{type(error).__name__} {code}".rstrip()


def call_next(event):
    """Calls the next function and gives its answer's bytes, and the kind of error if it failed itself."""
    answer = functions.invoke(FunctionName=NEXT_FUNCTION, Payload=json.dumps(event).encode())
    return answer["Payload"].read(), answer.get("FunctionError")


def start_next(event):
    if NEXT_PROBLEM:
        raise Misconfigured(NEXT_PROBLEM)
    return workers.submit(call_next, event)


def failure_of(payload):
    """The next function's error, so that Lambda tells Cognito the same type and text as that function would have."""
    told = json.loads(payload)
    kind = type(str(told.get("errorType") or "Error"), (Exception,), {})
    return kind(told.get("errorMessage"))


def answer_of_next(event, calling, started):
    """What Cognito is answered: what the next function answers, or the event where that is not to be had."""
    try:
        payload, failed = calling.result(timeout=max(0.0, started + NEXT_DEADLINE_SECONDS - time.monotonic()))
        failure = failure_of(payload) if failed else None
        answer = None if failed else json.loads(payload)
    except Exception as error:  # That we could not call it is our part, and must not keep anybody out.
        log.error("could not call the next function %s: %s", NEXT_FUNCTION, reason(error))
        return event
    if failure:
        log.error("the next function %s failed: %s", NEXT_FUNCTION, type(failure).__name__)
        if not NEXT_FAIL_OPEN:
            raise failure
        return event
    if NEXT_FAIL_OPEN and not isinstance(answer, dict):
        log.error("the next function %s failed: its answer is no event", NEXT_FUNCTION)
        return event
    return answer


def handler(event, _context):
    """Called by Cognito. `PostConfirmation_ConfirmForgotPassword` is forwarded too: it makes sure the user exists.

    The next function is called for every trigger, because it was before.
    """
    started = time.monotonic()
    calling = unsent = None
    if NEXT_FUNCTION:
        try:
            calling = start_next(event)
        except Exception as error:
            log.error("could not call the next function %s: %s", NEXT_FUNCTION, reason(error))
    if str(event.get("triggerSource")).startswith("PostConfirmation_"):
        # Nothing about a person but the id goes into the log.
        sub = None
        try:
            sub = event["request"]["userAttributes"]["sub"]
            log.info("forwarded the confirmation of %s as message %s", sub, forward(event))
        except Exception as error:  # Whatever it is, it must not keep anybody out.
            log.error("could not forward the confirmation of %s: %s", sub, reason(error))
            unsent = RuntimeError("the confirmation could not be forwarded")
    answer = answer_of_next(event, calling, started) if calling else event
    if unsent and not FAIL_OPEN:
        raise unsent from None
    return answer
