//! Errors of form: syntax, keys, types.

use crate::support::{MINIMAL, errors, minimal_but};

#[test]
fn missing_file() {
    let path = std::path::Path::new("no/such/provisioner.toml");
    let errors = phenom_provisioner::config::Config::load(
        &path.into(),
        std::iter::empty(),
        phenom_provisioner::config::RoomIds::Required,
    );
    insta::assert_snapshot!(errors.unwrap_err(), @"
    error in no/such/provisioner.toml: the file cannot be read: No such file or directory (os error 2)
      → name the configuration file by --config; provisioner.example.toml is one to start from. PHENOM_PROVISIONER_CONFIG_TOML can hold the whole text instead
    ");
}

#[test]
fn empty_file() {
    insta::assert_snapshot!(errors(""), @r#"
    4 errors in provisioner.toml:
      1. provisioner.toml: environment is missing
         → add environment = "production"
      2. provisioner.toml: the section [homeserver] is missing
         → add [homeserver] with url = "http://localhost:8008" and server_name = "example.org"
      3. provisioner.toml: the section [database] is missing
         → add [database] with url = "postgres://localhost/database", or url_file, the path of a file that holds it
      4. provisioner.toml: there is no source of people: [roster], [cognito] and [queue] are all missing
         → add at least one; [roster] alone reads team_members in the database of [database]
    "#);
}

#[test]
fn syntax_error_does_not_show_the_line() {
    let text = minimal_but("\"postgres://localhost/provisioner\"", "\"postgres://bot:hunter2@localhost/x");
    insta::assert_snapshot!(errors(&text), @r#"
    error in provisioner.toml:8: this is not TOML: invalid basic string, expected `"`
      → strings need quotes, a section starts with [name] on a line of its own, and each key stands once
    "#);
}

#[test]
fn key_given_twice() {
    insta::assert_snapshot!(errors(&minimal_but("[homeserver]", "environment = \"x\"\n[homeserver]")), @"
    error in provisioner.toml:3: this is not TOML: duplicate key
      → strings need quotes, a section starts with [name] on a line of its own, and each key stands once
    ");
}

#[test]
fn unknown_keys_name_the_nearest() {
    let text = minimal_but("server_name", "servername").replace("members", "member") + "[mirrors]\n[rooster]\n";
    insta::assert_snapshot!(errors(&text), @"
    4 errors in provisioner.toml:
      1. provisioner.toml:5: homeserver.servername is not a key
         → did you mean server_name? homeserver has public_url, server_name and url
      2. provisioner.toml:15: rooms[staff].member is not a key
         → did you mean members? rooms[staff] has federate, guest_access, history_visibility, id, join_rule, key, levels, members, name, on_leave, on_return, power, topic and unlisted
      3. provisioner.toml:16: mirrors is not a section or key
         → did you mean mirror? the file has admin, appservice, cognito, commands, database, environment, events, guard, homeserver, mirror, modes, profiles, queue, rooms, roster and server_admins
      4. provisioner.toml:17: rooster is not a section or key
         → did you mean roster? the file has admin, appservice, cognito, commands, database, environment, events, guard, homeserver, mirror, modes, profiles, queue, rooms, roster and server_admins
    ");
}

#[test]
fn key_with_control_characters_is_escaped() {
    insta::assert_snapshot!(errors(&minimal_but("[homeserver]", "[homeserver]\n\"a\\u001b[2J\\nb\" = 1")), @r#"
    error in provisioner.toml:4: homeserver.a\u{1b}[2J\nb is not a key
      → did you mean public_url? homeserver has public_url, server_name and url
    "#);
}

#[test]
fn misspelt_section_is_not_missing_as_well() {
    insta::assert_snapshot!(errors(&minimal_but("[homeserver]", "[homserver]")), @"
    error in provisioner.toml:3: homserver is not a section or key
      → did you mean homeserver? the file has admin, appservice, cognito, commands, database, environment, events, guard, homeserver, mirror, modes, profiles, queue, rooms, roster and server_admins
    ");
}

#[test]
fn key_in_the_wrong_section() {
    let text = minimal_but("environment = \"test\"\n", "environment = \"test\"\npoll_interval = \"30s\"\n")
        .replace("[roster]", "[roster]\nhook_secret = \"hunter2hunter2hunter2\"");
    insta::assert_snapshot!(errors(&text), @"
    2 errors in provisioner.toml:
      1. provisioner.toml:2: poll_interval is not a section or key
         → poll_interval belongs to [roster]; the file has admin, appservice, cognito, commands, database, environment, events, guard, homeserver, mirror, modes, profiles, queue, rooms, roster and server_admins
      2. provisioner.toml:12: roster.hook_secret is not a key
         → hook_secret belongs to [admin]; roster has max_rows, notify_channel, password, password_file, poll_interval, query, url and url_file
    ");
}

#[test]
fn wrong_types() {
    let text = minimal_but("environment = \"test\"", "environment = 7\nmodes = \"enforce\"\ncommands = []")
        + "power = [{ level = 50.0, grant = \"everyone\" }]\ntopic = 2024-01-01\n[guard]\nmax_removals = \"5\"\nmax_fraction = nan\nexempt = [1]\nwindow = 60\n";
    insta::assert_snapshot!(errors(&text), @r#"
    10 errors in provisioner.toml:
      1. provisioner.toml:1: environment = 7 is not a string
         → put it in quotes
      2. provisioner.toml:2: modes = "enforce" is not a section
         → write a section of its own: its name in brackets on a line, its keys below
      3. provisioner.toml:3: commands = [] is not a section
         → write a section of its own: its name in brackets on a line, its keys below
      4. provisioner.toml:18: rooms[staff].power[#1].level = 50.0 is not a whole number
         → write a whole number from 0 to 99: below the bot's own level, normally 100, or the bot could never take it away again
      5. provisioner.toml:18: rooms[staff].power[#1].grant = "everyone" is not a list
         → write a list: [ … ]
      6. provisioner.toml:19: rooms[staff].topic = a date, nan or inf is not a string
         → write a text in quotes
      7. provisioner.toml:21: guard.max_removals = "5" is not a whole number
         → write it without quotes: 5
      8. provisioner.toml:22: guard.max_fraction = a date, nan or inf is not a number
         → write a share between 0 and 1: 0.2 is a fifth
      9. provisioner.toml:23: guard.exempt[#1] = 1 is not a string
         → put it in quotes
     10. provisioner.toml:24: guard.window = 60 is not a duration
         → write a unit, in quotes: "60s"
    "#);
}

#[test]
fn one_room_as_a_plain_section() {
    insta::assert_snapshot!(errors(&minimal_but("[[rooms]]", "[rooms]")), @r#"
    error in provisioner.toml:12: rooms = { id = "!abc:example.org", key = "staff", members = [{ team = "staff" }] } is not a list
      → write a list: [[…]] as the header of each, or [{ … }, { … }]
    "#);
}

#[test]
fn section_given_as_a_value_does_not_show_secrets() {
    let text = minimal_but("[database]\nurl = \"postgres://localhost/provisioner\"\n", "");
    let text = format!("database = \"postgres://bot:hunter2@localhost/x\"\n{text}");
    insta::assert_snapshot!(errors(&text), @"
    error in provisioner.toml:1: database (not shown) is not a section
      → write a section of its own: its name in brackets on a line, its keys below
    ");
}

#[test]
fn every_error_is_reported_at_once_in_the_order_of_the_file() {
    let text = MINIMAL
        .replace("\"test\"", "\"\"")
        .replace("http://localhost:8008", "localhost:8008")
        .replace("\"example.org\"", "\"https://example.org\"")
        .replace("key = \"staff\"", "key = \"Staff Room\"\nunlisted = \"drop\"")
        .replace("!abc:example.org", "#staff:example.org")
        .replace("{ team = \"staff\" }", "{ role = \"lead\" }, { group = \"admins\" }");
    insta::assert_snapshot!(errors(&text), @r##"
    8 errors in provisioner.toml:
      1. provisioner.toml:1: environment = "" is empty
         → give it a value, or leave the key out if it is optional
      2. provisioner.toml:4: homeserver.url = "localhost:8008" has no scheme
         → write "http://localhost:8008" or "https://localhost:8008"
      3. provisioner.toml:5: homeserver.server_name = "https://example.org" is a URL, not a server name
         → write the part of user ids after the colon, perhaps "example.org"; the URL goes into homeserver.url
      4. provisioner.toml:13: rooms[Staff Room].key = "Staff Room" is not a room key: only a-z, 0-9 and - may stand in one
         → write "staff-room"
      5. provisioner.toml:14: rooms[Staff Room].unlisted = "drop" is not one of "keep" and "remove"
         → write "keep" or "remove"
      6. provisioner.toml:15: rooms[Staff Room].id = "#staff:example.org" is an alias; aliases move, so a room is only ever found by its id
         → write the room id, "!…:<server name>" (in Element: room settings, Advanced, Internal room ID)
      7. provisioner.toml:16: rooms[Staff Room].members[#1] = { role = "lead" } is not a selector: a role counts only within a team
         → add the team: { team = "…", role = "…" }
      8. provisioner.toml:16: rooms[Staff Room].members[#2] = { group = "admins" }: no source knows groups
         → add [cognito] with region and user_pool_id, or select by team or subject
    "##);
}
