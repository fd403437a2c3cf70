"""moto's server on a loopback port, with one path more: POST /testbed/users puts users into a pool.

Cognito lets nobody choose a `sub`, and making 20,000 users one by one takes minutes. The body is
{"pool": id, "users": [{"sub", "email", "name", "status"}, ...]}; the answer is empty.

usage: moto.py PORT
"""

import json
import sys

from moto.cognitoidp.models import CognitoIdpUser, UserStatus, cognitoidp_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

HOST = "127.0.0.1"
PATH = "/testbed/users"


def put_users(order):
    region = order["pool"].split("_")[0]
    pool = cognitoidp_backends[DEFAULT_ACCOUNT_ID][region].user_pools[order["pool"]]
    for wanted in order["users"]:
        attributes = {"email": wanted["email"], "email_verified": "true", "name": wanted["name"]}
        user = CognitoIdpUser(
            pool.id,
            wanted["email"],
            None,
            UserStatus(wanted["status"]),
            [{"Name": name, "Value": value} for name, value in attributes.items() if value is not None],
        )
        # moto has given it a random one; tokens and pages go by the id.
        user.id = wanted["sub"]
        user.update_attributes([{"Name": "sub", "Value": user.id}])
        pool.users[user.username] = user


def application(moto):
    def answer(environ, start_response):
        if environ["PATH_INFO"] != PATH:
            return moto(environ, start_response)
        put_users(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        start_response("204 No Content", [])
        return []

    return answer


if __name__ == "__main__":
    run_simple(
        HOST,
        int(sys.argv[1]),
        application(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=MotoRequestHandler,
    )
