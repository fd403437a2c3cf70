"""Speaks for a homeserver as its Synapse would not: signs what it is told to with that server's key, and sends it.

Reads one request from standard input, and prints the answer, both JSON. `events` are signed and sent as one transaction;
the ids that they got are in the answer. It remembers nothing.
"""
import json
import ssl
import sys
import time
import urllib.error
import urllib.request

from signedjson.key import read_signing_keys
from signedjson.sign import sign_json
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import add_hashes_and_signatures
from synapse.events import make_event_from_dict

request = json.load(sys.stdin)
origin, destination = request["origin"], request["destination"]
with open(request["signing_key"]) as file:
    key = read_signing_keys(file)[0]


def signed(event, version):
    # Nothing of `unsigned` is hashed or signed: a server says there what it likes.
    unsigned = event.pop("unsigned", None)
    event.pop("signatures", None)
    event.pop("hashes", None)
    add_hashes_and_signatures(version, event, origin, key)
    event_id = make_event_from_dict(json.loads(json.dumps(event)), version).event_id
    return event_id, event if unsigned is None else {**event, "unsigned": unsigned}


def call(method, path, content=None):
    told = {"method": method, "uri": path, "origin": origin, "destination": destination}
    if content is not None:
        told["content"] = content
    (key_id, signature), = sign_json(told, origin, key)["signatures"][origin].items()
    header = f'X-Matrix origin="{origin}",key="{key_id}",sig="{signature}",destination="{destination}"'
    body = None if content is None else json.dumps(content).encode()
    headers = {"Authorization": header, "Content-Type": "application/json"}
    sent = urllib.request.Request(f"https://{destination}{path}", data=body, method=method, headers=headers)
    # No proxy of the environment's: everything here is on loopback.
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=request["authority"]))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)
    try:
        with opener.open(sent, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")


if "events" in request:
    version = KNOWN_ROOM_VERSIONS[request["room_version"]]
    events = [signed(event, version) for event in request["events"]]
    now = time.time_ns()
    transaction = {"origin": origin, "origin_server_ts": now // 1_000_000, "pdus": [event for _, event in events]}
    answer = call("PUT", f"/_matrix/federation/v1/send/{now}", transaction)
    print(json.dumps({"ids": [event_id for event_id, _ in events], "pdus": answer["pdus"]}))
else:
    print(json.dumps(call("GET", request["path"])))
