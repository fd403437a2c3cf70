"""Puts members into a room without a join each: writes into Synapse's database, while Synapse is stopped, what a join
would have written.

The events are made, hashed and signed by Synapse's own code, so that it reads them as its own. They are members in the
room's state as it is now; no event says that they came. What a join writes beside that (statistics, the user
directory, device lists) is left out.

Arguments: database URL, file of the signing key, server name, room id, how many.
"""

import json
import sys
import time
import uuid

import psycopg2
from psycopg2.extras import execute_values
from signedjson.key import read_signing_keys
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import add_hashes_and_signatures
from synapse.events import make_event_from_dict

AT_ONCE = 5_000


def one(cursor, sql, *values):
    cursor.execute(sql, values)
    return cursor.fetchone()[0]


def join(template, user, version, server, key):
    event = {**template, "sender": user, "state_key": user}
    event["content"] = {"membership": "join", "displayname": user[1:9]}
    add_hashes_and_signatures(version, event, server, key)
    return make_event_from_dict(event, version, {})


def write(cursor, room, group, events):
    cursor.execute("SELECT nextval('events_stream_seq') FROM generate_series(1, %s)", (len(events),))
    rows = [(event.event_id, event.sender, order, event) for event, (order,) in zip(events, cursor.fetchall())]
    now = int(time.time())

    def insert(table, columns, row):
        execute_values(cursor, f"INSERT INTO {table} ({columns}) VALUES %s", [row(*each) for each in rows], page_size=AT_ONCE)

    kind = "m.room.member"
    insert("users", "name, creation_ts, admin, is_guest, deactivated, approved",
           lambda id, user, order, event: (user, now, 0, 0, 0, True))
    insert("profiles", "user_id, full_user_id, displayname",
           lambda id, user, order, event: (user[1:].split(":")[0], user, user[1:9]))
    insert("events", "event_id, room_id, type, state_key, sender, topological_ordering, depth, stream_ordering,"
           " origin_server_ts, received_ts, processed, outlier, contains_url, instance_name",
           lambda id, user, order, event: (id, room, kind, user, user, event.depth, event.depth, order,
                                           now * 1000, now * 1000, True, False, False, "master"))
    insert("event_json", "event_id, room_id, internal_metadata, json, format_version",
           lambda id, user, order, event: (id, room, "{}", json.dumps(event.get_dict()), event.format_version))
    insert("state_events", "event_id, room_id, type, state_key",
           lambda id, user, order, event: (id, room, kind, user))
    insert("event_to_state_groups", "event_id, state_group",
           lambda id, user, order, event: (id, group))
    insert("state_groups_state", "state_group, room_id, type, state_key, event_id",
           lambda id, user, order, event: (group, room, kind, user, id))
    insert("current_state_events", "event_id, room_id, type, state_key, membership, event_stream_ordering",
           lambda id, user, order, event: (id, room, kind, user, "join", order))
    insert("local_current_membership", "room_id, user_id, event_id, membership, event_stream_ordering",
           lambda id, user, order, event: (room, user, id, "join", order))
    insert("room_memberships", "event_id, user_id, sender, room_id, membership, display_name, event_stream_ordering",
           lambda id, user, order, event: (id, user, user, room, "join", user[1:9], order))


def main(url, key_file, server, room, count):
    with open(key_file) as file:
        key = read_signing_keys(file)[0]
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        version = KNOWN_ROOM_VERSIONS[one(cursor, "SELECT room_version FROM rooms WHERE room_id = %s", room)]
        tip = one(cursor, "SELECT event_id FROM event_forward_extremities WHERE room_id = %s", room)
        group = one(cursor, "SELECT state_group FROM event_to_state_groups WHERE event_id = %s", tip)
        depth = one(cursor, "SELECT depth FROM events WHERE event_id = %s", tip)
        cursor.execute("SELECT event_id FROM current_state_events WHERE room_id = %s AND type IN"
                       " ('m.room.power_levels', 'm.room.join_rules')", (room,))
        auth = [id for (id,) in cursor.fetchall()]
        template = {"type": "m.room.member", "room_id": room, "origin_server_ts": int(time.time() * 1000), "depth": depth,
                    "prev_events": [tip], "auth_events": auth, "unsigned": {}}
        left = int(count)
        while left:
            users = [f"@{uuid.uuid4()}:{server}" for _ in range(min(left, AT_ONCE))]
            write(cursor, room, group, [join(template, user, version, server, key) for user in users])
            left -= len(users)
        # They are nothing new that application services and other servers must be told of.
        last = one(cursor, "SELECT max(stream_ordering) FROM events")
        cursor.execute("UPDATE appservice_stream_position SET stream_ordering = %s", (last,))
        cursor.execute("UPDATE federation_stream_position SET stream_id = %s WHERE type = 'events'", (last,))


main(*sys.argv[1:])
