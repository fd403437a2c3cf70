"""Tests of the forwarder against an emulated SQS and, for what it calls next, a small Lambda of their own.

`cargo test --workspace --locked --test parts forwarder` starts the SQS and runs them.

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
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import boto3
from botocore.exceptions import ClientError

SUB = "0b9cb6a8-3c7e-4f4e-9a51-3f3b7c1f9d10"
EMAIL = "ada@example.org"
# Cognito waits 5 s; the rest is for the start of the Lambda.
BOUND_SECONDS = 4.7


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


class FakeLambda(ThreadingHTTPServer):
    """Lambda's `Invoke` on a loopback port, for functions that are Python callables. It keeps what it was called with."""

    daemon_threads = True

    def __init__(self, **functions):
        super().__init__(("127.0.0.1", 0), FakeLambdaRequest)
        self.functions, self.calls = functions, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_):
        """A caller that did not wait for the answer."""

    def close(self):
        self.shutdown()
        self.server_close()


class FakeLambdaRequest(BaseHTTPRequestHandler):
    def do_POST(self):
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = urllib.parse.unquote(self.path).split("/")[3]
        if self.headers.get("X-Amz-Invocation-Type", "RequestResponse") != "RequestResponse":
            return self.answer(400, {"message": "only synchronous here"}, {"x-amzn-ErrorType": "BadRequest"})
        if name not in self.server.functions:
            return self.answer(404, {"message": name}, {"x-amzn-ErrorType": "ResourceNotFoundException"})
        self.server.calls.append((name, payload))
        try:
            return self.answer(200, self.server.functions[name](payload), {})
        except Denied:
            return self.answer(403, {"Message": EMAIL}, {"x-amzn-ErrorType": "AccessDeniedException"})
        except Unwell:
            return self.answer(500, {"message": "unwell"}, {"x-amzn-ErrorType": "ServiceException"})
        except Exception as error:  # As the runtimes of Lambda tell it.
            told = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return self.answer(200, told, {"X-Amz-Function-Error": "Unhandled"})

    def answer(self, status, body, headers):
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


class Denied(Exception):
    """The role may not call the function."""


class Unwell(Exception):
    """Lambda itself has trouble; a client may try again."""


class UserNotWanted(Exception):
    """An error of the next function's own."""


def refused(operation, code):
    def call(**_):
        raise ClientError({"Error": {"Code": code, "Message": EMAIL}}, operation)

    return call


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

    def test_a_fifo_queue_is_refused_at_the_start_with_words_and_keeps_nobody_out(self):
        with self.assertLogs("forwarder", "ERROR") as logs:
            module = forwarder(QUEUE_URL="https://sqs.us-east-1.amazonaws.com/000000000000/confirmations.fifo")
        self.assertIn("names a FIFO queue", logs.output[0])
        with mock.patch.object(module.sqs, "send_message", side_effect=AssertionError("it was sent")):
            log = self.call(module, event())
        self.assertIn("make a standard queue", log)

    def test_a_key_that_the_role_may_not_use_is_told_with_its_rights(self):
        module = forwarder()
        for code in ("KMS.AccessDeniedException", "KmsAccessDenied"):
            with mock.patch.object(module.sqs, "send_message", refused("SendMessage", code)):
                log = self.call(module, event())
            self.assertIn(f"{code}; the role lacks kms:GenerateDataKey and kms:Decrypt", log)

    def test_a_role_that_may_not_send_is_told_what_it_lacks(self):
        module = forwarder()
        with mock.patch.object(module.sqs, "send_message", refused("SendMessage", "AccessDenied")):
            self.assertIn("the role lacks sqs:SendMessage", self.call(module, event()))

    def test_its_rights_are_to_send_and_to_log(self):
        expected = {
            "policy.json": ["sqs:SendMessage", ["logs:CreateLogStream", "logs:PutLogEvents"]],
            "policy-next.json": ["lambda:InvokeFunction"],
            "policy-key.json": [["kms:GenerateDataKey", "kms:Decrypt"]],
        }
        folder = Path(__file__).parent
        self.assertEqual(sorted(expected), sorted(path.name for path in folder.glob("*.json")))
        guide = (folder / "README.md").read_text()
        for name, actions in expected.items():
            policy = json.loads((folder / name).read_text())
            self.assertEqual(actions, [each["Action"] for each in policy["Statement"]])
            self.assertNotIn("*", [each["Resource"] for each in policy["Statement"]])
            self.assertIn(name, guide)


class ChainTest(unittest.TestCase):
    """NEXT_FUNCTION: what was the trigger before, called with the same event."""

    queued = ForwarderTest.queued

    def setUp(self):
        ForwarderTest.setUp(self)
        self.functions = FakeLambda(users=lambda given: {**given, "response": {"users": "upserted"}})
        self.addCleanup(self.functions.close)

    def chained(self, function=None, **environment):
        if function:
            self.functions.functions["users"] = function
        environment = {"NEXT_FUNCTION": "users", "AWS_ENDPOINT_URL_LAMBDA": self.functions.endpoint, **environment}
        return forwarder(**environment)

    def returns(self, module, given):
        """Calls the handler; gives what it returned or raised, and what it logged. In time and without a name, always."""
        before, start = copy.deepcopy(given), time.monotonic()
        with self.assertLogs("forwarder", "DEBUG") as logs:
            module.log.debug("called")
            try:
                returned = module.handler(given, None)
            except Exception as error:
                returned = error
        self.assertLess(time.monotonic() - start, BOUND_SECONDS)
        self.assertEqual(given, before)
        log = "\n".join(logs.output)
        self.assertNotIn(EMAIL, log)
        return returned, log

    def test_the_next_function_gets_the_event_and_its_answer_is_returned(self):
        answer, _ = self.returns(self.chained(), event())
        self.assertEqual(answer, {**event(), "response": {"users": "upserted"}})
        self.assertEqual(self.functions.calls, [("users", event())])
        self.assertEqual(len(self.queued()), 1)

    def test_an_arn_with_an_alias_is_called_as_it_stands(self):
        arn = "arn:aws:lambda:us-east-1:000000000000:function:users:live"
        self.functions.functions[arn] = lambda given: given
        self.returns(self.chained(NEXT_FUNCTION=arn), event())
        self.assertEqual([name for name, _ in self.functions.calls], [arn])

    def test_other_triggers_reach_the_next_function_and_not_the_queue(self):
        given = event("PostAuthentication_Authentication")
        answer, _ = self.returns(self.chained(), given)
        self.assertEqual(answer["response"], {"users": "upserted"})
        self.assertEqual(self.queued(), [])

    def fails(self, _given):
        raise UserNotWanted(f"{EMAIL} is not wanted")

    def test_where_the_next_function_fails_the_person_gets_in_and_is_forwarded(self):
        answer, log = self.returns(self.chained(self.fails), event())
        self.assertEqual(answer, event())
        self.assertIn("the next function users failed: UserNotWanted", log)
        self.assertEqual(len(self.queued()), 1)

    def test_its_failure_is_passed_on_as_it_is_where_that_is_wanted_and_forwarded_all_the_same(self):
        raised, _ = self.returns(self.chained(self.fails, NEXT_FAIL_OPEN="false"), event())
        # Lambda tells Cognito the name of the type and the text.
        self.assertEqual((type(raised).__name__, str(raised)), ("UserNotWanted", f"{EMAIL} is not wanted"))
        self.assertEqual(len(self.queued()), 1)

    def test_it_is_called_once_whatever_it_answers(self):
        def unwell(_):
            raise Unwell

        for function in (self.fails, unwell):
            self.functions.calls.clear()
            self.returns(self.chained(function), event())
            self.assertEqual(len(self.functions.calls), 1)

    def test_an_answer_that_is_no_event_keeps_nobody_out_unless_that_is_wanted(self):
        self.assertEqual(self.returns(self.chained(lambda _: None), event())[0], event())
        self.assertIsNone(self.returns(self.chained(lambda _: None, NEXT_FAIL_OPEN="false"), event())[0])

    def test_that_it_cannot_be_called_never_keeps_anybody_out(self):
        def denied(_):
            raise Denied

        for environment, function, said in (
            ({"NEXT_FUNCTION": "nobody"}, None, "ResourceNotFoundException"),
            ({}, denied, "the role lacks lambda:InvokeFunction"),
            ({"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9"}, None, "EndpointConnectionError"),
        ):
            with self.subTest(said):
                answer, log = self.returns(self.chained(function, NEXT_FAIL_OPEN="false", **environment), event())
                self.assertEqual(answer, event())
                self.assertIn("could not call the next function", log)
                self.assertIn(said, log)
                self.assertEqual(len(self.queued()), 1)

    def test_a_next_function_that_takes_too_long_keeps_nobody_out(self):
        done = threading.Event()
        self.addCleanup(done.set)
        answer, log = self.returns(self.chained(lambda given: done.wait(60) and given, NEXT_FAIL_OPEN="false"), event())
        self.assertEqual(answer, event())
        self.assertIn("could not call the next function users: ", log)
        self.assertEqual(len(self.queued()), 1)

    def test_both_are_done_at_the_same_time(self):
        """Each may take most of its time, and together they are no slower."""

        def slow(given):
            time.sleep(2)
            return {**given, "response": {"slow": True}}

        module = self.chained(slow)
        send = module.sqs.send_message
        with mock.patch.object(module.sqs, "send_message", lambda **kept: (time.sleep(2), send(**kept))[1]):
            start = time.monotonic()
            answer, _ = self.returns(module, event())
        self.assertLess(time.monotonic() - start, 3.5)
        self.assertEqual(answer["response"], {"slow": True})
        self.assertEqual(len(self.queued()), 1)

    def test_the_queue_s_trouble_does_not_reach_the_next_function(self):
        answer, log = self.returns(self.chained(QUEUE_URL=os.environ["QUEUE_URL"] + "-none"), event())
        self.assertEqual(answer["response"], {"users": "upserted"})
        self.assertIn("could not forward", log)

    def test_where_forwarding_must_not_fail_the_next_function_is_called_first(self):
        module = self.chained(QUEUE_URL=os.environ["QUEUE_URL"] + "-none", FAIL_OPEN="false")
        raised, _ = self.returns(module, event())
        self.assertIsInstance(raised, RuntimeError)
        self.assertEqual(len(self.functions.calls), 1)

    def test_it_never_calls_itself(self):
        for name in ("forwarder", "forwarder:live", "arn:aws:lambda:us-east-1:000000000000:function:forwarder:live"):
            self.functions.functions[name] = lambda given: given
            with self.assertLogs("forwarder", "ERROR") as logs:
                module = self.chained(NEXT_FUNCTION=name, AWS_LAMBDA_FUNCTION_NAME="forwarder")
            self.assertIn("names this function itself", logs.output[0])
            answer, _ = self.returns(module, event())
            self.assertEqual(answer, event())
        self.assertEqual(self.functions.calls, [])


if __name__ == "__main__":
    unittest.main()
