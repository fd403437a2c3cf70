//! registration.yaml, and the command that makes one.

use std::os::unix::fs::PermissionsExt;

use phenom_provisioner::{
    cli::{self, registration::Options},
    config::{Registration, Secret},
};
use ruma::server_name;

use crate::support::{Folder, MINIMAL, repository};

fn valid(options: &Options) -> String {
    let config = Folder::with(MINIMAL).load(&[]).expect("the minimal file is valid");
    let tokens = ["0123456789abcdef", "fedcba9876543210"].map(Secret::new);
    cli::registration::render(&config, options, &tokens[0], &tokens[1])
}

fn load(text: &str) -> Result<Registration, String> {
    let folder = Folder::with("");
    folder.write("registration.yaml", text);
    Registration::load(&folder.path("registration.yaml"), server_name!("example.org"))
        .map_err(|errors| errors.to_string().replace(&folder.path("").display().to_string(), ""))
}

#[test]
fn printed_registration_passes() {
    let text = valid(&Options::default());
    insta::assert_snapshot!(text, @r#"
    # Give this same file to Synapse (app_service_config_files) and to phenom-provisioner (appservice.registration).
    # It holds two secrets.
    id: phenom-provisioner
    # Where Synapse reaches appservice.listen.
    url: http://127.0.0.1:8090
    as_token: 0123456789abcdef
    hs_token: fedcba9876543210
    sender_localpart: phenom-provisioner-bot
    rate_limited: false
    namespaces:
      # Only the bot. Anything wider pushes private messages to this service.
      users:
        - exclusive: true
          regex: '@phenom-provisioner-bot:example\.org$'
      rooms: []
      aliases: []
    "#);
    let registration = load(&text).unwrap();
    assert_eq!(registration.bot(server_name!("example.org")).unwrap(), "@phenom-provisioner-bot:example.org");
    assert!(registration.warnings().is_empty());
    assert!(!format!("{registration:?}").contains("0123456789abcdef"));
}

#[test]
fn printed_registration_takes_other_names() {
    let options = Options { url: Some("https://bot.example".to_owned()), sender_localpart: Some("a.bot".to_owned()) };
    let registration = load(&valid(&options)).unwrap();
    assert_eq!(registration.url, "https://bot.example");
    assert_eq!(registration.namespaces.users[0].regex, "@a\\.bot:example\\.org$");
}

#[test]
fn unknown_keys_are_synapses_business() {
    assert!(load(&(valid(&Options::default()) + "de.sorunome.msc2409.push_ephemeral: true\nprotocols: []\n")).is_ok());
}

/// Synapse would push every message of every room, and nothing here would have said so.
#[test]
fn what_synapse_would_merge_is_refused() {
    let wide = "  <<: {rooms: [{exclusive: false, regex: '.*'}]}\n";
    let text = valid(&Options::default()).replace("  rooms: []\n", wide);
    insta::assert_snapshot!(load(&text).unwrap_err(), @"
    error in registration.yaml:15: << puts keys in that Synapse reads and this service does not
      → write the keys out, each where it belongs
    ");
    let text = valid(&Options::default()) + "x: &x {de.sorunome.msc2409.push_ephemeral: true}\n<<: *x\n";
    assert!(load(&text).is_err());
}

#[test]
fn rate_limit_is_a_warning() {
    let registration = load(&valid(&Options::default()).replace("rate_limited: false\n", "")).unwrap();
    insta::assert_snapshot!(registration.warnings().join("\n"), @"rate_limited is not false: Synapse will answer 429 after ten invitations; write rate_limited: false and restart Synapse");
}

#[test]
fn example_registration_is_refused() {
    let errors =
        Registration::load(&repository("registration.example.yaml"), server_name!("thephenom.app")).unwrap_err();
    let folder = repository("").display().to_string();
    insta::assert_snapshot!(errors.to_string().replace(&folder, ""), @"
    2 errors in registration.example.yaml:
      1. registration.example.yaml:9: as_token is a placeholder, not a token
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
      2. registration.example.yaml:10: hs_token is a placeholder, not a token
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
}

#[test]
fn everything_wrong_at_once() {
    let text = r"id: 7
url: null
as_token: secret
hs_token: secret
sender_localpart: 1B9D6BCD-bbfd-4b2d-9b5d-ab8dfbbd4bed
rate_limited: maybe
namespaces:
  users:
    - exclusive: true
      regex: '@.*'
    - exclusive: true
      regex: '@(bot:example\.org'
    - regex: '@bot:.*'
  rooms:
    - exclusive: false
      regex: '.*'
  aliases: 7
";
    insta::assert_snapshot!(load(text).unwrap_err(), @r#"
    11 errors in registration.yaml:
      1. registration.yaml:1: id is not a string
         → write id: any name, for example phenom-provisioner
      2. registration.yaml:2: url is null, so Synapse would push nothing
         → write the address where Synapse reaches appservice.listen, for example http://127.0.0.1:8090
      3. registration.yaml:3: as_token (not shown) is too easy to guess
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
      4. registration.yaml:4: hs_token (not shown) is too easy to guess
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
      5. registration.yaml:5: sender_localpart: 1B9D6BCD-bbfd-4b2d-9b5d-ab8dfbbd4bed could be somebody's Cognito sub, and a token with that sub would log in as the bot
         → write a name, for example phenom-provisioner-bot
      6. registration.yaml:6: rate_limited is neither true nor false
         → write rate_limited: false
      7. registration.yaml:10: namespaces.users[#1].regex: @.* matches strangers: Synapse would push everybody's private messages, and the token could act as any of them
         → write only the bot's own name, as phenom-provisioner registration prints it
      8. registration.yaml:12: namespaces.users[#2].regex: @(bot:example\.org is not a regular expression that can be checked
         → write the bot's own name, with \. for each dot
      9. registration.yaml:13: namespaces.users[#3] lacks a regex that is a string or an exclusive that is true or false
         → write - exclusive: true and below it regex: '…'
     10. registration.yaml:16: namespaces.rooms[#1].regex: .* matches strangers: Synapse would push every message of those rooms, private ones too
         → write rooms: []; managed rooms are pushed because the bot is in them
     11. registration.yaml:17: namespaces.aliases is not a list
         → write aliases: []
    "#);
}

#[test]
fn tokens_that_are_the_same() {
    let text = valid(&Options::default()).replace("fedcba9876543210", "0123456789abcdef");
    insta::assert_snapshot!(load(&text).unwrap_err(), @"
    error in registration.yaml:7: as_token and hs_token are the same
      → run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
}

#[test]
fn file_that_is_no_registration() {
    insta::assert_snapshot!(load("id: [").unwrap_err(), @"
    error in registration.yaml:2: this is not YAML: did not find expected node content at line 2 column 1, while parsing a flow node
      → correct the line, or run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
    insta::assert_snapshot!(load("hello").unwrap_err(), @"
    error in registration.yaml: this is not a registration
      → run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
    insta::assert_snapshot!(load("{}").unwrap_err(), @"
    6 errors in registration.yaml:
      1. registration.yaml: id is missing
         → add id: any name, for example phenom-provisioner
      2. registration.yaml: url is missing
         → add url: http://127.0.0.1:8090
      3. registration.yaml: as_token is missing
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
      4. registration.yaml: hs_token is missing
         → run phenom-provisioner registration, put its output here, and give the same to Synapse
      5. registration.yaml: sender_localpart is missing
         → add sender_localpart: phenom-provisioner-bot
      6. registration.yaml: namespaces is missing or not a mapping
         → add namespaces with users, rooms and aliases, as phenom-provisioner registration prints them
    ");
    let missing = Registration::load(std::path::Path::new("no/registration.yaml"), server_name!("example.org"));
    insta::assert_snapshot!(missing.unwrap_err(), @"
    error in no/registration.yaml: the file cannot be read: No such file or directory (os error 2)
      → run phenom-provisioner registration, put its output here, and give the same to Synapse
    ");
}

#[test]
fn sender_is_only_a_local_part() {
    let text = valid(&Options::default())
        .replace("sender_localpart: phenom-provisioner-bot", "sender_localpart: '@bot:example.org'")
        .replace("http://127.0.0.1:8090", "127.0.0.1:8090");
    assert!(load(&text.replace("'@bot:example.org'", "the bot")).is_err());
    insta::assert_snapshot!(load(&text).unwrap_err(), @r#"
    2 errors in registration.yaml:
      1. registration.yaml:5: url: 127.0.0.1:8090 has no scheme
         → write "http://127.0.0.1:8090" or "https://127.0.0.1:8090"
      2. registration.yaml:8: sender_localpart: @bot:example.org is a user id, not its local part
         → write sender_localpart: bot
    "#);
}

#[test]
fn a_written_registration_is_for_its_owner_alone_and_replaces_nothing() {
    let folder = Folder::with(MINIMAL);
    let file = folder.path("made.yaml");
    let write = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_phenom-provisioner"));
        command.arg("--config").arg(folder.path("provisioner.toml")).args(["registration", "--output"]).arg(&file);
        command.output().unwrap()
    };
    let written = write();
    assert!(written.status.success(), "{written:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let registration = load(&text).unwrap();
    let printed = String::from_utf8(written.stdout).unwrap();
    assert!(!printed.contains(registration.as_token.expose()), "{printed}");
    assert!(printed.contains("next: give it to Synapse"), "{printed}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = write();
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(again.status.code() == Some(1) && said.contains("is not replaced"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}
