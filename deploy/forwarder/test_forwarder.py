"""Tests of the forwarder against an emulated SQS. `cargo test -p testbed --test forwarder` starts one and runs them.

They need boto3, QUEUE_URL (a queue nobody else uses) and AWS_ENDPOINT_URL_SQS.
"""

import copy
import importlib
import json
import os
import socket
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

import boto3

SUB = "0b9cb6a8-3c7e-4f4e-9a51-3f3b7c1f9d10"
EMAIL = "ada@example.org"
# Cognito waits 5 s; the rest is for the start of the Lambda.
BOUND_SECONDS = 4


def event(trigger="PostConfirmation_ConfirmSignUp", **attributes):
    return {
        "version": "1",
        "triggerSource": trigger,
        "region": "us-east-1",
        "userPoolId": "us-east-1_testbed00",
        "userName": EMAIL,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "app"},
        "request": {
            "userAttributes": {
                "sub": SUB,
                "email": EMAIL,
                "email_verified": "true",
                "name": "Ada",
                "cognito:user_status": "CONFIRMED",
                **attributes,
            }
        },
        "response": {},
    }


def forwarder(**environment):
    """The module as a fresh instance of the Lambda has it."""
    with mock.patch.dict(os.environ, environment):
        import forwarder as module

        return importlib.reload(module)


class ForwarderTest(unittest.TestCase):
    def setUp(self):
        self.sqs = boto3.client("sqs")
        self.sqs.purge_queue(QueueUrl=os.environ["QUEUE_URL"])

    def queued(self):
        answer = self.sqs.receive_message(QueueUrl=os.environ["QUEUE_URL"], MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def call(self, module, given):
        """Calls the handler, which has to return the event unchanged and in time. Gives what it has logged."""
        before, start = copy.deepcopy(given), time.monotonic()
        with self.assertLogs("forwarder", "DEBUG") as logs:
            # Where nothing is logged, assertLogs itself would fail.
            module.log.debug("called")
            returned = module.handler(given, None)
        self.assertLess(time.monotonic() - start, BOUND_SECONDS)
        self.assertEqual(returned, before)
        log = "\n".join(logs.output)
        self.assertNotIn(EMAIL, log)
        return log

    def test_a_confirmation_is_on_the_queue_with_nothing_but_the_sub(self):
        self.assertIn(SUB, self.call(forwarder(), event()))
        (body,) = self.queued()
        expected = {
            "version": "1",
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "region": "us-east-1",
            "userPoolId": "us-east-1_testbed00",
            "request": {"userAttributes": {"sub": SUB}},
        }
        self.assertEqual(json.loads(body), expected)

    def test_the_environment_is_told_where_one_is_given(self):
        self.call(forwarder(ENVIRONMENT="staging"), event())
        (body,) = self.queued()
        self.assertEqual(json.loads(body)["environment"], "staging")

    def test_a_forgotten_password_is_a_confirmation_too(self):
        self.call(forwarder(), event("PostConfirmation_ConfirmForgotPassword"))
        (body,) = self.queued()
        self.assertEqual(json.loads(body)["triggerSource"], "PostConfirmation_ConfirmForgotPassword")

    def test_the_console_s_test_event_has_booleans(self):
        self.call(forwarder(), event(email_verified=True))
        self.assertEqual(len(self.queued()), 1)

    def test_other_triggers_pass_through(self):
        module = forwarder()
        for trigger in ("PreSignUp_SignUp", "PostAuthentication_Authentication", "TokenGeneration_HostedAuth", None):
            self.call(module, event(trigger))
        self.call(module, {})
        self.assertEqual(self.queued(), [])

    def test_an_event_without_a_sub_keeps_nobody_out(self):
        broken = event()
        del broken["request"]["userAttributes"]["sub"]
        self.assertIn("KeyError", self.call(forwarder(), broken))
        self.assertEqual(self.queued(), [])

    def test_where_nobody_listens_the_person_still_gets_in(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        log = self.call(forwarder(AWS_ENDPOINT_URL_SQS=f"http://127.0.0.1:{port}"), event())
        self.assertIn(f"could not forward the confirmation of {SUB}: EndpointConnectionError", log)

    def test_where_nobody_answers_the_person_still_gets_in(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            silent = f"http://127.0.0.1:{server.getsockname()[1]}"
            self.assertIn("could not forward", self.call(forwarder(AWS_ENDPOINT_URL_SQS=silent), event()))

    def test_the_deadline_holds_for_all_of_it(self):
        module, looked_up = forwarder(), threading.Event()
        self.addCleanup(looked_up.set)
        with mock.patch.object(module.sqs, "send_message", lambda **_: looked_up.wait(60)):
            self.assertIn(f"could not forward the confirmation of {SUB}: TimeoutError", self.call(module, event()))

    def test_without_a_queue_the_person_still_gets_in(self):
        self.assertIn("could not forward", self.call(forwarder(QUEUE_URL=""), event()))

    def test_a_refusal_keeps_nobody_out(self):
        self.assertIn("could not forward", self.call(forwarder(QUEUE_URL=os.environ["QUEUE_URL"] + "-none"), event()))

    def test_it_fails_where_it_was_told_to_and_says_no_more_than_that(self):
        module = forwarder(QUEUE_URL=os.environ["QUEUE_URL"] + "-none", FAIL_OPEN="false")
        with self.assertLogs("forwarder"), self.assertRaises(RuntimeError) as raised:
            module.handler(event(), None)
        self.assertTrue(raised.exception.__suppress_context__)
        self.assertNotIn(EMAIL, str(raised.exception))

    def test_its_rights_are_to_send_and_to_log(self):
        policy = json.loads(Path(__file__).with_name("policy.json").read_text())
        actions = [each["Action"] for each in policy["Statement"]]
        self.assertEqual(actions, ["sqs:SendMessage", ["logs:CreateLogStream", "logs:PutLogEvents"]])
        self.assertNotIn("*", [each["Resource"] for each in policy["Statement"]])


if __name__ == "__main__":
    unittest.main()
