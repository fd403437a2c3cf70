//! Errors of single values.

use crate::support::{Folder, MINIMAL, errors, minimal_but};

/// One file for each of several values of one key, each with exactly one error; the errors without the words before the place.
fn each(make: impl Fn(&str) -> String, values: &[&str]) -> String {
    let mut all = String::new();
    for value in values {
        let errors = errors(&make(value));
        let Some(one) = errors.strip_prefix("error in ") else { panic!("{value}: {errors}") };
        all.push_str(one.trim_end());
        all.push('\n');
    }
    all
}

fn below(section: &str) -> impl Fn(&str) -> String {
    move |line| format!("{MINIMAL}\n[{section}]\n{line}\n")
}

fn in_room(line: &str) -> String {
    format!("{MINIMAL}{line}\n")
}

#[test]
fn server_names() {
    let make = |name: &str| minimal_but("server_name = \"example.org\"", &format!("server_name = \"{name}\""));
    let names = [
        "https://example.org:8448/x",
        "@me:example.org",
        "example.org:",
        "example.org:99999",
        "a b",
        "",
        "Example.org",
    ];
    insta::assert_snapshot!(each(make, &names), @r#"
    provisioner.toml:5: homeserver.server_name = "https://example.org:8448/x" is a URL, not a server name
      → write the part of user ids after the colon, perhaps "example.org"; the URL goes into homeserver.url
    provisioner.toml:5: homeserver.server_name = "@me:example.org" is an id, not a server name
      → write "example.org"
    provisioner.toml:5: homeserver.server_name = "example.org:" ends in a port that is none
      → write "example.org"
    provisioner.toml:5: homeserver.server_name = "example.org:99999" ends in a port that is none
      → write "example.org"
    provisioner.toml:5: homeserver.server_name = "a b" is not a server name
      → write the part of user ids after the colon, for example "thephenom.app"
    provisioner.toml:5: homeserver.server_name = "" is not a server name
      → write the part of user ids after the colon, for example "thephenom.app"
    provisioner.toml:5: homeserver.server_name = "Example.org" has capital letters
      → write "example.org", as Synapse has it
    "#);
}

#[test]
fn homeserver_urls() {
    let make = |url: &str| minimal_but("http://localhost:8008", url);
    let urls = [
        "localhost:8008",
        "synapse.local",
        "ftp://localhost",
        "http://",
        "",
        "http://me:hunter2@localhost:8008",
        "http://localhost:8008/_matrix/client",
        "http://localhost:8008?x=1",
        " http://localhost",
    ];
    insta::assert_snapshot!(each(make, &urls), @r#"
    provisioner.toml:4: homeserver.url = "localhost:8008" has no scheme
      → write "http://localhost:8008" or "https://localhost:8008"
    provisioner.toml:4: homeserver.url = "synapse.local" has no scheme
      → write "http://synapse.local" or "https://synapse.local"
    provisioner.toml:4: homeserver.url = "ftp://localhost" is neither http nor https
      → write a URL that starts with http:// or https://
    provisioner.toml:4: homeserver.url = "http://" is not a URL: empty host
      → write it like "http://host:8008"
    provisioner.toml:4: homeserver.url = "" is empty
      → write it like "http://host:8008"
    provisioner.toml:4: homeserver.url = "http://me:…@localhost:8008" has a user name or password in it
      → take out everything before and including the @
    provisioner.toml:4: homeserver.url = "http://localhost:8008/_matrix/client" has the path /_matrix/client, which this service adds itself
      → write "http://localhost:8008"
    provisioner.toml:4: homeserver.url = "http://localhost:8008?x=1" has a query or fragment
      → write only scheme, host and port
    provisioner.toml:4: homeserver.url = " http://localhost" has spaces around it
      → take them out
    "#);
}

#[test]
fn public_urls() {
    let make = |url: &str| minimal_but("[homeserver]", &format!("[homeserver]\npublic_url = \"{url}\""));
    let urls = ["http://chat.example.org", "chat.example.org", "https://chat.example.org/_matrix/client/v3/login"];
    insta::assert_snapshot!(each(make, &urls), @r#"
    provisioner.toml:4: homeserver.public_url = "http://chat.example.org" is not https
      → write "https://chat.example.org", as clients have it
    provisioner.toml:4: homeserver.public_url = "chat.example.org" has no scheme
      → write "http://chat.example.org" or "https://chat.example.org"
    provisioner.toml:4: homeserver.public_url = "https://chat.example.org/_matrix/client/v3/login" has the path /_matrix/client/v3/login, which this service adds itself
      → write "https://chat.example.org"
    "#);
    for url in ["https://chat.example.org", "http://127.0.0.1:8008", "http://[::1]:8008", "http://localhost:8008"] {
        Folder::with(&make(url)).load(&[]).expect("encrypted, or on this machine");
    }
}

#[test]
fn database_urls_are_never_shown() {
    let make = |url: &str| minimal_but("postgres://localhost/provisioner", url);
    let urls = [
        "mysql://bot:hunter2@localhost/x",
        "host=localhost password=hunter2",
        "postgres://bot:hun#ter2@local host/x",
        "",
    ];
    let errors = each(make, &urls);
    assert!(!errors.contains("ter2"), "{errors}");
    insta::assert_snapshot!(errors, @"
    provisioner.toml:8: database.url (not shown) is a mysql URL, not a Postgres one
      → write it like postgres://user:password@host:5432/database
    provisioner.toml:8: database.url (not shown) is not a URL: relative URL without a base
      → write it like postgres://user:password@host:5432/database, with special characters of the password percent-encoded
    provisioner.toml:8: database.url (not shown) is not a URL: invalid port number
      → write it like postgres://user:password@host:5432/database, with special characters of the password percent-encoded
    provisioner.toml:8: database.url (not shown) is empty
      → write it like postgres://user:password@host:5432/database
    ");
}

#[test]
fn listen_addresses() {
    let make = |listen: &str| below("admin")(&format!("listen = \"{listen}\""));
    insta::assert_snapshot!(each(make, &["9090", ":9090", "localhost:9090", "127.0.0.1", "::1", "127.0.0.1:99999", "admin"]), @r#"
    provisioner.toml:18: admin.listen = "9090" is not an address to listen on
      → write "0.0.0.0:9090"
    provisioner.toml:18: admin.listen = ":9090" is not an address to listen on
      → write "0.0.0.0:9090"
    provisioner.toml:18: admin.listen = "localhost:9090" is not an address to listen on
      → write "127.0.0.1:9090"
    provisioner.toml:18: admin.listen = "127.0.0.1" is not an address to listen on
      → add a port: "127.0.0.1:8090"
    provisioner.toml:18: admin.listen = "::1" is not an address to listen on
      → add a port: "[::1]:8090"
    provisioner.toml:18: admin.listen = "127.0.0.1:99999" is not an address to listen on
      → the port is a number from 0 to 65535
    provisioner.toml:18: admin.listen = "admin" is not an address to listen on
      → write an IP address and a port, for example "127.0.0.1:9090"
    "#);
}

#[test]
fn queue_urls() {
    let make = |url: &str| below("queue")(&format!("url = \"{url}\""));
    let urls = [
        "arn:aws:sqs:eu-west-1:123456789012:confirmations",
        "arn:aws:sns:us-east-1",
        "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations.fifo",
        "http://127.0.0.1:5000/000000000000/confirmations.fifo",
        "https://sqs.us-east-1.amazonaws.com/confirmations",
        "https://sqs.us-east-1.amazonaws.com/12345/confirmations",
        "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations/more",
        "http://sqs.us-east-1.amazonaws.com/123456789012/confirmations",
        "sqs.us-east-1.amazonaws.com/123456789012/confirmations",
    ];
    insta::assert_snapshot!(each(make, &urls), @r#"
    provisioner.toml:18: queue.url = "arn:aws:sqs:eu-west-1:123456789012:confirmations" is an ARN, not a URL
      → write the URL of the queue, like "https://sqs.eu-west-1.amazonaws.com/123456789012/confirmations"
    provisioner.toml:18: queue.url = "arn:aws:sns:us-east-1" is an ARN, not a URL
      → write the URL of the queue, like "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations"
    provisioner.toml:18: queue.url = "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations.fifo" is a FIFO queue, which holds everybody up behind one message
      → make a standard queue, whose name does not end in .fifo, and let the forwarder send to it
    provisioner.toml:18: queue.url = "http://127.0.0.1:5000/000000000000/confirmations.fifo" is a FIFO queue, which holds everybody up behind one message
      → make a standard queue, whose name does not end in .fifo, and let the forwarder send to it
    provisioner.toml:18: queue.url = "https://sqs.us-east-1.amazonaws.com/confirmations" does not name an account and a queue
      → write it as `aws sqs get-queue-url` prints it, like "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations"
    provisioner.toml:18: queue.url = "https://sqs.us-east-1.amazonaws.com/12345/confirmations" does not name an account and a queue
      → write it as `aws sqs get-queue-url` prints it, like "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations"
    provisioner.toml:18: queue.url = "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations/more" does not name an account and a queue
      → write it as `aws sqs get-queue-url` prints it, like "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations"
    provisioner.toml:18: queue.url = "http://sqs.us-east-1.amazonaws.com/123456789012/confirmations" is not https
      → write "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations"
    provisioner.toml:18: queue.url = "sqs.us-east-1.amazonaws.com/123456789012/confirmations" has no scheme
      → write "http://sqs.us-east-1.amazonaws.com/123456789012/confirmations" or "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations"
    "#);
}

#[test]
fn topic_arns() {
    let make = |arn: &str| below("events")(&format!("topic_arn = \"{arn}\""));
    let arns = [
        "chat-events",
        "https://sns.us-east-1.amazonaws.com/",
        "arn:aws:sqs:us-east-1:123456789012:chat-events",
        "arn:aws:sns:us-east-1",
        "arn:aws:sns:us-east-1:123456789012",
        "arn:aws:sns:us-east-1:123456789012:chat-events:0b1c6d52-8d54-4f4c-8a6c-0d6f6a2b6c3d",
        "arn:aws:sns:somewhere:123456789012:chat-events",
        "arn:aws:sns:us-east-1:12345:chat-events",
        "arn:aws:sns:us-east-1:123456789012:chat events",
        "arn:aws:sns:us-east-1:123456789012:.fifo",
    ];
    insta::assert_snapshot!(each(make, &arns), @r#"
    provisioner.toml:18: events.topic_arn = "chat-events" is not the ARN of a topic
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "https://sns.us-east-1.amazonaws.com/" is not the ARN of a topic
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sqs:us-east-1:123456789012:chat-events" is an ARN of sqs, and of no topic of SNS
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:us-east-1" is not the ARN of a topic
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:us-east-1:123456789012" names no topic
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:us-east-1:123456789012:chat-events:0b1c6d52-8d54-4f4c-8a6c-0d6f6a2b6c3d" is the ARN of a subscription, not of its topic
      → write it without its last part: "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:somewhere:123456789012:chat-events" names no region of AWS
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:us-east-1:12345:chat-events" names no account: it has 12 digits
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:us-east-1:123456789012:chat events" does not end in the name of a topic: letters, digits, - and _, and .fifo for one that keeps order
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    provisioner.toml:18: events.topic_arn = "arn:aws:sns:us-east-1:123456789012:.fifo" does not end in the name of a topic: letters, digits, - and _, and .fifo for one that keeps order
      → write the ARN of the topic as `aws sns list-topics` prints it, like "arn:aws:sns:us-east-1:123456789012:chat-events"
    "#);
    for arn in
        ["arn:aws:sns:us-east-1:123456789012:chat-events", "arn:aws-cn:sns:cn-north-1:123456789012:chat_events.fifo"]
    {
        assert!(Folder::with(&make(arn)).load(&[]).is_ok(), "{arn}");
    }
}

#[test]
fn room_ids() {
    let make = |id: &str| minimal_but("!abc:example.org", id);
    let ids = [
        "!abc",
        "#staff:example.org",
        "abc:example.org",
        "abc",
        "@me:example.org",
        "",
        "!",
        "!a b:example.org",
        "!abc:",
        "!abc:exa mple",
    ];
    insta::assert_snapshot!(each(make, &ids), @r##"
    provisioner.toml:14: rooms[staff].id = "!abc" lacks its server part
      → write the full id, "!abc:example.org"
    provisioner.toml:14: rooms[staff].id = "#staff:example.org" is an alias; aliases move, so a room is only ever found by its id
      → write the room id, "!…:example.org" (in Element: room settings, Advanced, Internal room ID)
    provisioner.toml:14: rooms[staff].id = "abc:example.org" is not a room id: those start with !
      → write "!abc:example.org"
    provisioner.toml:14: rooms[staff].id = "abc" is not a room id: those start with !
      → write "!abc:example.org"
    provisioner.toml:14: rooms[staff].id = "@me:example.org" is not a room id: those start with !
      → write it like "!jFXGFANpXTXXgNkdNi:example.org"
    provisioner.toml:14: rooms[staff].id = "" is not a room id: those start with !
      → write it like "!jFXGFANpXTXXgNkdNi:example.org"
    provisioner.toml:14: rooms[staff].id = "!" is not a room id
      → write it like "!jFXGFANpXTXXgNkdNi:example.org"
    provisioner.toml:14: rooms[staff].id = "!a b:example.org" is not a room id
      → write it like "!jFXGFANpXTXXgNkdNi:example.org"
    provisioner.toml:14: rooms[staff].id = "!abc:" ends in something that is not a server name
      → write "!abc:example.org"
    provisioner.toml:14: rooms[staff].id = "!abc:exa mple" is not a room id
      → write it like "!jFXGFANpXTXXgNkdNi:example.org"
    "##);
}

#[test]
fn room_keys() {
    insta::assert_snapshot!(each(|key| minimal_but("key = \"staff\"", &format!("key = \"{key}\"")), &["The Red Room", "a_b", "é", ""]), @r#"
    provisioner.toml:13: rooms[The Red Room].key = "The Red Room" is not a room key: only a-z, 0-9 and - may stand in one
      → write "the-red-room"
    provisioner.toml:13: rooms[a_b].key = "a_b" is not a room key: only a-z, 0-9 and - may stand in one
      → write "a-b"
    provisioner.toml:13: rooms[é].key = "é" is not a room key: only a-z, 0-9 and - may stand in one
      → write "red-room"
    provisioner.toml:13: rooms[#1].key = "" is not a room key: only a-z, 0-9 and - may stand in one
      → write "red-room"
    "#);
}

#[test]
fn selectors() {
    let make = |selector: &str| minimal_but("{ team = \"staff\" }", selector);
    let selectors = [
        "\"everybody\"",
        "\"staff\"",
        "7",
        "{}",
        "{ taem = \"staff\" }",
        "{ user = \"staff\" }",
        "{ role = \"lead\" }",
        "{ team = \"\" }",
        "{ team = 7 }",
        "{ team = \"staff\", subject = \"x\" }",
        "{ subject = \"@x:example.org\" }",
        "{ subject = \"x@example.org\" }",
    ];
    insta::assert_snapshot!(each(make, &selectors), @r#"
    provisioner.toml:15: rooms[staff].members[#1] = "everybody" is not a selector
      → did you mean "everyone"?
    provisioner.toml:15: rooms[staff].members[#1] = "staff" is not a selector
      → write "everyone", { team = "…" }, { team = "…", role = "…" }, { group = "…" } or { subject = "…" }
    provisioner.toml:15: rooms[staff].members[#1] = 7 is not a selector
      → write "everyone", { team = "…" }, { team = "…", role = "…" }, { group = "…" } or { subject = "…" }
    provisioner.toml:15: rooms[staff].members[#1] = {} is not a selector
      → write "everyone", { team = "…" }, { team = "…", role = "…" }, { group = "…" } or { subject = "…" }
    provisioner.toml:15: rooms[staff].members[#1] = { taem = "staff" } is not a selector
      → did you mean team? write "everyone", { team = "…" }, { team = "…", role = "…" }, { group = "…" } or { subject = "…" }
    provisioner.toml:15: rooms[staff].members[#1] = { user = "staff" } is not a selector
      → write "everyone", { team = "…" }, { team = "…", role = "…" }, { group = "…" } or { subject = "…" }
    provisioner.toml:15: rooms[staff].members[#1] = { role = "lead" } is not a selector: a role counts only within a team
      → add the team: { team = "…", role = "…" }
    provisioner.toml:15: rooms[staff].members[#1] = { team = "" } is not a selector: its team is empty
      → name the team
    provisioner.toml:15: rooms[staff].members[#1] = { team = 7 } is not a selector
      → put the team in quotes
    provisioner.toml:15: rooms[staff].members[#1] = { subject = "x", team = "staff" } is not a selector: it names several things at once
      → write several, each for itself: { subject = "x" }, { team = "staff" }
    provisioner.toml:15: rooms[staff].members[#1] = { subject = "@x:example.org" } is not a selector
      → a subject is a user id without @ and server: { subject = "x" }
    provisioner.toml:15: rooms[staff].members[#1] = { subject = "x@example.org" } is not a selector: a subject is a Cognito sub, not an e-mail address
      → write the user's sub
    "#);
}

#[test]
fn empty_selector_lists() {
    insta::assert_snapshot!(errors(&(minimal_but("[{ team = \"staff\" }]", "[]") + "power = [{ level = 50, grant = [] }]\n[server_admins]\ngrant = []")), @"
    3 errors in provisioner.toml:
      1. provisioner.toml:15: rooms[staff].members = [] is an empty list
         → list at least one, or leave the key out if it is optional
      2. provisioner.toml:16: rooms[staff].power[#1].grant = [] is an empty list
         → list at least one, or leave the key out if it is optional
      3. provisioner.toml:18: server_admins.grant = [] is an empty list
         → list at least one, or leave the key out if it is optional
    ");
}

#[test]
fn levels_of_a_room() {
    let make = |levels: &str| in_room(&format!("levels = {{ {levels} }}"));
    let values = [
        "invites = 100",
        "users_default = 50",
        "invite = -1",
        "kick = \"50\"",
        "events = { m.room.tombstone = 100 }",
        "events = { \"m.room.tombstone\" = 50.5 }",
        "events = { \"\" = 50 }",
        "events = [\"m.room.tombstone\"]",
    ];
    insta::assert_snapshot!(each(make, &values), @r#"
    provisioner.toml:16: rooms[staff].levels.invites is not a key
      → did you mean invite? rooms[staff].levels has ban, events, events_default, invite, kick, redact and state_default
    provisioner.toml:16: rooms[staff].levels.users_default is not a key
      → did you mean events_default? rooms[staff].levels has ban, events, events_default, invite, kick, redact and state_default
    provisioner.toml:16: rooms[staff].levels.invite = -1 is outside 0 to 9007199254740991
      → write a whole number from 0 to the bot's own level, normally 100
    provisioner.toml:16: rooms[staff].levels.kick = "50" is not a whole number
      → write a whole number from 0 to the bot's own level, normally 100
    provisioner.toml:16: rooms[staff].levels.events.m = { room = { tombstone = 100 } } is not a whole number
      → write the type of event in quotes, and a whole number from 0 to the bot's own level: "m.room.tombstone" = 100
    provisioner.toml:16: rooms[staff].levels.events.m.room.tombstone = 50.5 is not a whole number
      → write the type of event in quotes, and a whole number from 0 to the bot's own level: "m.room.tombstone" = 100
    provisioner.toml:16: rooms[staff].levels.events has an empty type of event
      → write the type in quotes: "m.room.tombstone" = 100
    provisioner.toml:16: rooms[staff].levels.events = ["m.room.tombstone"] is not a section
      → write a section of its own: its name in brackets on a line, its keys below
    "#);
}

#[test]
fn power_levels() {
    let make = |level: &str| in_room(&format!("power = [{{ level = {level}, grant = [\"everyone\"] }}]"));
    insta::assert_snapshot!(each(make, &["100", "-1", "50.5", "\"50\""]), @r#"
    provisioner.toml:16: rooms[staff].power[#1].level = 100 is outside 0 to 99
      → write a whole number from 0 to 99: below the bot's own level, normally 100, or the bot could never take it away again
    provisioner.toml:16: rooms[staff].power[#1].level = -1 is outside 0 to 99
      → write a whole number from 0 to 99: below the bot's own level, normally 100, or the bot could never take it away again
    provisioner.toml:16: rooms[staff].power[#1].level = 50.5 is not a whole number
      → write a whole number from 0 to 99: below the bot's own level, normally 100, or the bot could never take it away again
    provisioner.toml:16: rooms[staff].power[#1].level = "50" is not a whole number
      → write a whole number from 0 to 99: below the bot's own level, normally 100, or the bot could never take it away again
    "#);
}

#[test]
fn room_settings() {
    let lines = [
        "join_rule = \"private\"",
        "join_rule = \"restricted\"",
        "join_rule = \"invited\"",
        "history_visibility = \"share\"",
        "guest_access = \"no\"",
        "unlisted = \"kick\"",
        "on_leave = \"stay\"",
        "name = \"\"",
    ];
    insta::assert_snapshot!(each(in_room, &lines), @r#"
    provisioner.toml:16: rooms[staff].join_rule = "private" is a rule under which Synapse cannot join anybody: its admin join fails and leaves an invitation behind
      → write "invite"
    provisioner.toml:16: rooms[staff].join_rule = "restricted" needs a list of other rooms, which this file cannot give
      → write "invite", or leave join_rule out and set it by hand
    provisioner.toml:16: rooms[staff].join_rule = "invited" is not one of "invite", "knock" and "public"
      → did you mean "invite"?
    provisioner.toml:16: rooms[staff].history_visibility = "share" is not one of "invited", "joined", "shared" and "world_readable"
      → did you mean "shared"?
    provisioner.toml:16: rooms[staff].guest_access = "no" is not one of "can_join" and "forbidden"
      → write "can_join" or "forbidden"
    provisioner.toml:16: rooms[staff].unlisted = "kick" is not one of "keep" and "remove"
      → write "keep" or "remove"
    provisioner.toml:16: rooms[staff].on_leave = "stay" is not one of "respect" and "rejoin"
      → write "respect" or "rejoin"
    provisioner.toml:16: rooms[staff].name = "" is empty
      → give it a value, or leave the key out if it is optional
    "#);
}

#[test]
fn durations() {
    let make = |value: &str| below("queue")(&format!("url = \"http://localhost/q\"\nvisibility_timeout = {value}"));
    insta::assert_snapshot!(each(make, &["60", "\"60\"", "\"1x\"", "\"0s\"", "\"13h\"", "true"]), @r#"
    provisioner.toml:19: queue.visibility_timeout = 60 is not a duration
      → write a unit, in quotes: "60s"
    provisioner.toml:19: queue.visibility_timeout = "60" is not a duration
      → write a unit: "60s"
    provisioner.toml:19: queue.visibility_timeout = "1x" is not a duration
      → write for example "30s", "5m" or "6h"
    provisioner.toml:19: queue.visibility_timeout = "0s" is too short
      → write at least "1s"
    provisioner.toml:19: queue.visibility_timeout = "13h" is too long
      → write at most "12h"
    provisioner.toml:19: queue.visibility_timeout = true is not a duration
      → write for example "30s", "5m" or "6h"
    "#);
    insta::assert_snapshot!(each(below("guard"), &["window = \"59s\"", "window = \"400d\""]), @r#"
    provisioner.toml:18: guard.window = "59s" is too short
      → write at least "1m"
    provisioner.toml:18: guard.window = "400d" is too long
      → write at most "30days"
    "#);
    insta::assert_snapshot!(each(below("mirror"), &["resync_interval = \"500ms\""]), @r#"
    provisioner.toml:18: mirror.resync_interval = "500ms" is too short
      → write at least "1s"
    "#);
}

#[test]
fn numbers() {
    let lines = ["max_fraction = 1.5", "max_fraction = -0.1", "max_removals = -1", "free_removals = 99999999999"];
    insta::assert_snapshot!(each(below("guard"), &lines), @"
    provisioner.toml:18: guard.max_fraction = 1.5 is outside 0 to 1
      → write a share between 0 and 1: 0.2 is a fifth
    provisioner.toml:18: guard.max_fraction = -0.1 is outside 0 to 1
      → write a share between 0 and 1: 0.2 is a fifth
    provisioner.toml:18: guard.max_removals = -1 is outside 0 to 1000000
      → write a number within the bounds
    provisioner.toml:18: guard.free_removals = 99999999999 is outside 0 to 1000000
      → write a number within the bounds
    ");
    let make = |value: &str| below("queue")(&format!("url = \"http://localhost/q\"\nconcurrency = {value}"));
    insta::assert_snapshot!(each(make, &["0", "5000"]), @"
    provisioner.toml:19: queue.concurrency = 0 is outside 1 to 1000
      → write a number within the bounds
    provisioner.toml:19: queue.concurrency = 5000 is outside 1 to 1000
      → write a number within the bounds
    ");
}

#[test]
fn names() {
    insta::assert_snapshot!(each(below("guard"), &["exempt = [\"bot\"]", "exempt = [\"@bot\"]", "exempt = [\"bot:example.org\"]", "exempt = [\"@b t:\"]"]), @r#"
    provisioner.toml:18: guard.exempt[#1] = "bot" is not a full user id
      → write "@bot:example.org"
    provisioner.toml:18: guard.exempt[#1] = "@bot" is not a full user id
      → write "@bot:example.org"
    provisioner.toml:18: guard.exempt[#1] = "bot:example.org" is not a full user id
      → write "@bot:example.org"
    provisioner.toml:18: guard.exempt[#1] = "@b t:" is not a user id
      → write it like "@someone:example.org"
    "#);
    insta::assert_snapshot!(each(|line| minimal_but("[roster]", &format!("[roster]\n{line}")), &["notify_channel = \"team-members\"", "query = \" \""]), @r#"
    provisioner.toml:11: roster.notify_channel = "team-members" is not a Postgres identifier
      → write at most 63 letters, digits and _, not starting with a digit, exactly as in NOTIFY
    provisioner.toml:11: roster.query = " " is empty
      → give it a value, or leave the key out if it is optional
    "#);
    insta::assert_snapshot!(each(below("modes"), &["joins = \"enforced\"", "removals = true"]), @r#"
    provisioner.toml:18: modes.joins = "enforced" is not one of "observe" and "enforce"
      → did you mean "enforce"?
    provisioner.toml:18: modes.removals = true is not a string
      → write "observe" or "enforce"
    "#);
    insta::assert_snapshot!(each(below("admin"), &["hook_secret = \"short\"", "hook_secret = \"hunter2 hunter2 hunter2\""]), @"
    provisioner.toml:18: admin.hook_secret (not shown) is shorter than 16 characters
      → make one with: openssl rand -hex 32
    provisioner.toml:18: admin.hook_secret (not shown) holds characters that cannot stand in an HTTP header
      → make one with: openssl rand -hex 32
    ");
    let make =
        |prefix: &str| below("commands")(&format!("room = \"staff\"\nallow = [\"everyone\"]\nprefix = \"{prefix}\""));
    insta::assert_snapshot!(each(make, &["", "! provisioner", "/provisioner"]), @r#"
    provisioner.toml:20: commands.prefix = "" is not one word
      → write one word without spaces, for example "!provisioner"
    provisioner.toml:20: commands.prefix = "! provisioner" is not one word
      → write one word without spaces, for example "!provisioner"
    provisioner.toml:20: commands.prefix = "/provisioner" starts with /, which Matrix clients keep for themselves
      → write "!provisioner"
    "#);
}

#[test]
fn user_pools() {
    let make = |lines: &str| below("cognito")(lines);
    let lines = [
        "region = \"us-east\"\nuser_pool_id = \"us-east-1_knEL7cqS3\"",
        "region = \"us-east-1\"\nuser_pool_id = \"phenom-prod\"",
        "region = \"us-east-1\"\nuser_pool_id = \"us-east-1_knEL7cqS3\"\noffboarding = \"delete\"",
    ];
    insta::assert_snapshot!(each(make, &lines), @r#"
    provisioner.toml:18: cognito.region = "us-east" is not an AWS region
      → write it like "us-east-1"
    provisioner.toml:19: cognito.user_pool_id = "phenom-prod" is not a user pool id
      → write the pool's id, not its name or ARN: region, underscore, letters, for example "us-east-1_knEL7cqS3"
    provisioner.toml:20: cognito.offboarding = "delete" is not one of "remove", "lock" and "deactivate"
      → write "remove", "lock" or "deactivate"
    "#);
}

#[test]
fn picture_hosts() {
    let make = |host: &str| below("profiles")(&format!("query = \"SELECT 1\"\npicture_hosts = [\"{host}\"]"));
    let hosts = [
        "https://media.example.org/a",
        "media.example.org:8443",
        "Media.example.org",
        "*.example.org",
        "127.0.0.1",
        "[::1]",
        "2130706433",
        "a b",
        "",
    ];
    insta::assert_snapshot!(each(make, &hosts), @r#"
    provisioner.toml:19: profiles.picture_hosts[#1] = "https://media.example.org/a" is a URL, not a host
      → write "media.example.org"
    provisioner.toml:19: profiles.picture_hosts[#1] = "media.example.org:8443" is not a host's name alone, in small letters
      → write "media.example.org"
    provisioner.toml:19: profiles.picture_hosts[#1] = "Media.example.org" is not a host's name alone, in small letters
      → write "media.example.org"
    provisioner.toml:19: profiles.picture_hosts[#1] = "*.example.org" has a wildcard
      → name each host: the owner of one below it could answer anything
    provisioner.toml:19: profiles.picture_hosts[#1] = "127.0.0.1" is an address
      → write the host's name, which its certificate is for
    provisioner.toml:19: profiles.picture_hosts[#1] = "[::1]" is an address
      → write the host's name, which its certificate is for
    provisioner.toml:19: profiles.picture_hosts[#1] = "2130706433" is an address
      → write the host's name, which its certificate is for
    provisioner.toml:19: profiles.picture_hosts[#1] = "a b" is not the name of a host
      → write the name alone, for example "media.example.org"
    provisioner.toml:19: profiles.picture_hosts[#1] = "" is empty
      → write the name alone, for example "media.example.org"
    "#);
}
