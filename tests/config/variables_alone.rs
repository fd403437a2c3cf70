//! A configuration that has no file: its whole text, the registration and the passwords come from variables.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

use phenom_provisioner::config::{CONFIG_TEXT, Config, ConfigLocation, Registration, RoomIds};
use ruma::server_name;
use serde_json::Value;

use crate::support::{Folder, MINIMAL, minimal_but};

const REGISTRATION_TEXT: &str = "PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT";

const REGISTRATION: &str = "id: provisioner\nurl: http://127.0.0.1:8090\nas_token: 0123456789abcdef-ours\n\
                            hs_token: 0123456789abcdef-theirs\nsender_localpart: bot\nrate_limited: false\nnamespaces:\n  \
                            users: []\n  rooms: []\n  aliases: []\n";

fn load(variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&ConfigLocation::Variable, variables, RoomIds::Required).map_err(|errors| errors.to_string())
}

/// The program with these variables and no other, in an empty folder.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phenom-provisioner"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).current_dir(folder.path());
    command.output().expect("the program can be started")
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).expect("it prints UTF-8")
}

#[test]
fn whole_text_is_read_with_variables_over_it() {
    let config = load(&[
        (CONFIG_TEXT, MINIMAL),
        ("PHENOM_PROVISIONER__ENVIRONMENT", "staging"),
        ("PHENOM_PROVISIONER__DATABASE__PASSWORD", "p@ss:w/o%rd"),
        (REGISTRATION_TEXT, REGISTRATION),
    ])
    .unwrap();
    assert_eq!(config.environment, "staging");
    assert_eq!(config.database.password.as_ref().unwrap().expose(), "p@ss:w/o%rd");
    assert_eq!((config.appservice.registration.as_ref(), config.secret_files.len()), (None, 0));
    let registration = Registration::of(&config.appservice, server_name!("example.org")).unwrap();
    assert_eq!(registration.sender_localpart, "bot");
    let shown = format!("{config:?}");
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("p@ss"), "{shown}");
}

#[test]
fn mistakes_are_named_by_the_variable_and_the_line() {
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, &minimal_but("server_name", "servername"))]).unwrap_err(), @"
    error in PHENOM_PROVISIONER_CONFIG_TOML:5: homeserver.servername is not a key
      → did you mean server_name? homeserver has public_url, server_name and url
    ");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, " \n")]).unwrap_err(), @"
    error in PHENOM_PROVISIONER_CONFIG_TOML: the variable is empty
      → set it to the whole text of the configuration, as provisioner.example.toml has it, or unset it
    ");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, "\u{fffd}")]).unwrap_err(), @"
    error in PHENOM_PROVISIONER_CONFIG_TOML: the value is not UTF-8
      → set it to UTF-8 text
    ");
}

#[test]
fn a_text_and_a_file_are_never_both_read() {
    let folder = Folder::with(MINIMAL);
    let file = folder.path("provisioner.toml").display().to_string();
    let mut both = vec![("PHENOM_PROVISIONER_CONFIG", file.as_str()), (CONFIG_TEXT, MINIMAL)];
    let refused = run(&["config", "check"], &both);
    assert_eq!(refused.status.code(), Some(1));
    insta::assert_snapshot!(text(&refused.stderr).replace(&file, "provisioner.toml"), @"
    error in PHENOM_PROVISIONER_CONFIG_TOML: it holds a configuration, and provisioner.toml is named as its file as well
      → keep one: unset PHENOM_PROVISIONER_CONFIG_TOML, or leave out --config and PHENOM_PROVISIONER_CONFIG
    ");
    both.remove(0);
    let refused = run(&["--config", &file, "config", "check"], &both);
    assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains("keep one"));
    // The schema is the same whatever the configuration is.
    assert!(run(&["--config", &file, "config", "schema"], &both).status.success());
}

#[test]
fn a_database_that_is_down_is_told_of_once_and_then_what_to_do() {
    let down = MINIMAL.replace("postgres://localhost/", "postgres://somebody@127.0.0.1:1/");
    let refused = run(&["plan"], &[(CONFIG_TEXT, &down), (REGISTRATION_TEXT, REGISTRATION)]);
    assert_eq!(refused.status.code(), Some(1));
    insta::assert_snapshot!(text(&refused.stderr), @"error: the database of database.url cannot be reached: Connection refused (os error 111); start it, or mend database.url");
}

/// What a service that could not start said last: in one line of JSON, of level ERROR.
fn last_words(variables: &[(&str, &str)]) -> String {
    let ended = run(&["run"], variables);
    assert_eq!((ended.status.code(), text(&ended.stdout)), (Some(1), String::new()));
    let log = text(&ended.stderr);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = lines.last().expect("it says something");
    assert_eq!(last["level"], "ERROR", "{log}");
    last["message"].as_str().expect("it is in words").to_owned()
}

#[test]
fn a_service_that_cannot_start_says_why_in_one_last_line_of_its_log() {
    insta::assert_snapshot!(last_words(&[(CONFIG_TEXT, &minimal_but("server_name", "servername"))]), @"
    error in PHENOM_PROVISIONER_CONFIG_TOML:5: homeserver.servername is not a key
      → did you mean server_name? homeserver has public_url, server_name and url
    ");
    let two = minimal_but("server_name", "servername").replace("environment", "environmnt");
    assert!(last_words(&[(CONFIG_TEXT, &two)]).contains("errors in PHENOM_PROVISIONER_CONFIG_TOML:\n  1. "));
    // Before there is a configuration at all.
    let both = [("PHENOM_PROVISIONER_CONFIG", "provisioner.toml"), (CONFIG_TEXT, MINIMAL)];
    assert!(last_words(&both).ends_with("leave out --config and PHENOM_PROVISIONER_CONFIG"));
    // And once it runs, also where no log is wanted.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback is free");
    let address = taken.local_addr().expect("it has an address").to_string();
    for level in ["info", "off"] {
        let said = last_words(&[
            (CONFIG_TEXT, MINIMAL),
            (REGISTRATION_TEXT, REGISTRATION),
            ("PHENOM_PROVISIONER__ADMIN__LISTEN", &address),
            ("RUST_LOG", level),
        ]);
        assert!(
            said.starts_with(&format!("cannot listen on {address}, the value of `admin.listen`: another")),
            "{said}"
        );
    }
}

#[test]
fn check_says_what_was_read() {
    let read = run(&["config", "check"], &[(CONFIG_TEXT, MINIMAL), (REGISTRATION_TEXT, REGISTRATION)]);
    assert!(read.status.success(), "{read:?}");
    insta::assert_snapshot!(text(&read.stdout), @"
    configuration is valid: test of example.org
      read      PHENOM_PROVISIONER_CONFIG_TOML, appservice.registration_text
      bot       @bot:example.org
      rooms     1: staff
      sources   roster
      enforced  none
      observed  accounts, joins, removals, power_levels, room_state, server_admins, profiles
    ");
}

#[test]
fn a_registration_stands_in_a_file_or_in_a_text() {
    let configured = format!("{MINIMAL}\n[appservice]\nregistration = \"registration.yaml\"\n");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, &configured), (REGISTRATION_TEXT, REGISTRATION)]).unwrap_err(), @"
    error in PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT: appservice.registration_text is given, and so is appservice.registration (line 18)
      → keep one of registration and registration_text
    ");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, MINIMAL), (REGISTRATION_TEXT, "")]).unwrap_err(), @"
    error in PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT: appservice.registration_text (not shown) is empty
      → give it a value, or leave the key out if it is optional
    ");
    // There is no third way: the path of a file with it is `registration`.
    let third = format!("{REGISTRATION_TEXT}_FILE");
    assert!(load(&[(CONFIG_TEXT, MINIMAL), (&third, "x")]).unwrap_err().contains("sets no key"));
}

#[test]
fn mistakes_in_the_text_of_a_registration_show_lines_and_no_content() {
    let said = |registration: &str| {
        let checked = run(&["config", "check"], &[(CONFIG_TEXT, MINIMAL), (REGISTRATION_TEXT, registration)]);
        assert_eq!(checked.status.code(), Some(1), "{checked:?}");
        let said = text(&checked.stdout) + &text(&checked.stderr);
        assert!(!said.contains("0123456789abcdef"), "{said}");
        said
    };
    insta::assert_snapshot!(said(&REGISTRATION.replace("id: provisioner\n", "").replace("-ours", "-theirs")), @"
    2 errors in appservice.registration_text:
      1. appservice.registration_text:3: as_token and hs_token are the same
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
      2. appservice.registration_text: id is missing
         → add id: any name, for example phenom-provisioner
    ");
    // What becomes of it where somebody loses the lines' ends.
    insta::assert_snapshot!(said(&REGISTRATION.replace('\n', " ")), @"
    error in appservice.registration_text:1: this is not YAML: mapping values are not allowed in this context at line 1 column 20
      → correct the line, or run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
    insta::assert_snapshot!(said(&REGISTRATION.replace('\n', "\\n")), @"
    error in appservice.registration_text:1: this is not YAML: mapping values are not allowed in this context at line 1 column 21
      → correct the line, or run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
    // A quote that is never closed, or only far below, takes the tokens along.
    for quote in ["'", "\""] {
        said(&REGISTRATION.replace("url: ", &format!("url: {quote}")));
        said(&REGISTRATION.replace("url: ", &format!("url: {quote}")).replace("sender", &format!("{quote}\nsender")));
    }
    let swallowed = REGISTRATION.replace("sender_localpart: bot\n", "").replace("id: ", "sender_localpart: 'bot\n  ");
    said(&swallowed.replace("hs_token", "'\nhs_token"));
    said(&REGISTRATION.replace("url: http://127.0.0.1:8090", "url: 'localhost/x").replace("hs_token", "'\nhs_token"));
    let swallowed = REGISTRATION.replace("users: []", "users:\n    - exclusive: true\n      regex: '.*");
    said(&format!("{swallowed}as_token: 0123456789abcdef-ours'\n"));
    said(&format!("{REGISTRATION}? 0123456789abcdef-ours\n? 0123456789abcdef-ours\n"));
}

#[test]
fn a_password_stands_once() {
    let url = "url = \"postgres://localhost/provisioner\"";
    let in_url = minimal_but(url, "url = \"postgres://us:hunter2@db/ours\"\npassword = \"hunter3\"");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, &in_url)]).unwrap_err(), @"
    error in PHENOM_PROVISIONER_CONFIG_TOML:9: database.password is given, and so is a password in database.url (line 8)
      → take it out of the URL: postgres://user@host:5432/database
    ");
    let in_query = minimal_but(url, "url = \"postgres://us@db/ours?password=hunter2\"");
    let variable = ("PHENOM_PROVISIONER__DATABASE__PASSWORD", "hunter3");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, &in_query), variable]).unwrap_err(), @"
    error in PHENOM_PROVISIONER__DATABASE__PASSWORD: database.password is given, and so is a password in database.url (line 8)
      → take it out of the URL: postgres://user@host:5432/database
    ");
    let without_url = ("PHENOM_PROVISIONER__ROSTER__PASSWORD", "hunter3");
    insta::assert_snapshot!(load(&[(CONFIG_TEXT, MINIMAL), without_url]).unwrap_err(), @"
    error in PHENOM_PROVISIONER__ROSTER__PASSWORD: roster.password is given, and roster.url is not: the roster is then read as the user of database.url
      → give roster.url with the user that this password is of, or leave roster.password out
    ");
    let both =
        [(CONFIG_TEXT, MINIMAL), variable, ("PHENOM_PROVISIONER__DATABASE__PASSWORD_FILE", "/run/secrets/database")];
    insta::assert_snapshot!(load(&both).unwrap_err(), @"
    error in PHENOM_PROVISIONER__DATABASE__PASSWORD_FILE: database.password_file is given, and so is password (PHENOM_PROVISIONER__DATABASE__PASSWORD)
      → keep one of password and password_file
    ");
}

#[test]
fn healthcheck_needs_no_secret_and_says_where_it_asked() {
    // Port 1 of the loopback: nothing ever listens there.
    let unreadable = minimal_but("url = \"postgres://localhost/provisioner\"", "url_file = \"/no/such/secret\"");
    let asked = run(
        &["healthcheck"],
        &[
            (CONFIG_TEXT, &unreadable),
            ("PHENOM_PROVISIONER__ADMIN__LISTEN", "0.0.0.0:1"),
            ("PHENOM_PROVISIONER__X", "1"),
        ],
    );
    assert_eq!((asked.status.code(), text(&asked.stdout)), (Some(1), String::new()));
    insta::assert_snapshot!(text(&asked.stderr), @"error: not alive: http://127.0.0.1:1/livez: Connection refused (os error 111); the service does not run here, hangs, or has another admin.listen");
    let nowhere = format!("{MINIMAL}\n[admin]\nlisten = \"[::]:0\"\n");
    insta::assert_snapshot!(text(&run(&["healthcheck"], &[(CONFIG_TEXT, &nowhere)]).stderr), @"error: admin.listen is [::]:0, any free port, so nobody can know where to ask: give it a port");
    let misspelt = format!("{MINIMAL}\n[admin]\nlisten = \"localhost\"\n");
    insta::assert_snapshot!(text(&run(&["healthcheck"], &[(CONFIG_TEXT, &misspelt)]).stderr), @r#"
    error in PHENOM_PROVISIONER_CONFIG_TOML:18: admin.listen = "localhost" is not an address to listen on
      → write an IP address and a port, for example "127.0.0.1:9090"
    "#);
}

/// What `healthcheck` says of a service whose `/livez` answers this, and its exit code.
fn asked(body: &str) -> (Option<i32>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback is free");
    let address = listener.local_addr().expect("it has an address").to_string();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it asks");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("it asks to the end");
            request.extend(byte);
        }
        stream.write_all(answer.as_bytes()).expect("it listens");
    });
    let variables = [(CONFIG_TEXT, MINIMAL), ("PHENOM_PROVISIONER__ADMIN__LISTEN", &address)];
    let output = run(&["healthcheck"], &variables);
    (output.status.code(), (text(&output.stdout) + &text(&output.stderr)).replace(&address, "ADDRESS"))
}

#[test]
fn healthcheck_fails_until_the_database_was_opened_once_and_says_why() {
    let waiting = r#"{"alive": true, "waits_for": "database: the database of database.url cannot be reached: Connection refused (os error 111); start it, or mend database.url"}"#;
    let (code, said) = asked(waiting);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(said, @"error: alive, and not started: http://ADDRESS/livez says that it waits for database: the database of database.url cannot be reached: Connection refused (os error 111); start it, or mend database.url");
    for body in [r#"{"alive": true, "waits_for": null}"#, r#"{"alive": true}"#, "ok"] {
        let (code, said) = asked(body);
        assert_eq!((code, said.trim_end()), (Some(0), "alive: http://ADDRESS/livez answers 200"), "{body}");
    }
}
