//! No `Debug` of ours shows a secret, so that none gets into a log or an error by accident.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use phenom_provisioner::config::{Config, Registration, RoomIds};
use phenom_provisioner::homeserver::{Homeserver, Timeouts};
use phenom_provisioner::intake::SharedSecret;
use phenom_provisioner::sources::Roster;
use phenom_provisioner::store::{Login, Store};
use testbed::shared_postgres;

/// In every place where a secret stands.
const MARKER: &str = "0123456789-marker-of-a-secret";

fn is_inert(what: &str, value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!shown.contains("marker"), "{what} shows its secret: {shown}");
        assert!(!shown.is_empty(), "{what} shows nothing at all");
    }
}

/// The address of a database with the marker for a password; the testbed's Postgres asks for none.
async fn database() -> String {
    let url = shared_postgres().await.create_database("secrets").await.unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, place) = rest.split_once('@').unwrap();
    let user = user.split(':').next().unwrap();
    format!("{scheme}://{user}:{MARKER}@{place}")
}

#[tokio::test]
async fn no_debug_of_what_holds_a_secret_shows_it() {
    let url = database().await;
    is_inert("Store", &Store::open(&url).await.unwrap());
    let login = Login { url: url.clone(), password: Some(MARKER.to_owned()), ..Login::default() };
    is_inert("Login", &login);
    is_inert("Roster", &Roster::new(login.clone(), "SELECT 1", 1).unwrap());
    let homeserver = Homeserver::connect("http://127.0.0.1:1", "@bot:a.org", MARKER, Timeouts::default()).await;
    is_inert("Homeserver", &homeserver.unwrap());
    is_inert("SharedSecret", &SharedSecret::new(MARKER));
}

#[test]
fn neither_the_configuration_nor_the_registration_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provisioner.toml");
    let config = format!(
        r#"environment = "test"
[homeserver]
url = "http://127.0.0.1:1"
server_name = "a.org"
[admin]
hook_secret = "{MARKER}"
[database]
url = "postgres://somebody:{MARKER}@127.0.0.1/ours"
[roster]
url = "postgres://somebody@127.0.0.1/theirs"
password = "{MARKER}"
[appservice]
registration_text = "{MARKER}"
"#
    );
    std::fs::write(&path, config).unwrap();
    let config = Config::load(&path.as_path().into(), std::iter::empty(), RoomIds::Optional).unwrap();
    assert!(config.database.url.expose().contains(MARKER));
    is_inert("Config", &config);
    let registration = format!(
        "id: provisioner\nurl: http://127.0.0.1:8090\nas_token: {MARKER}\nhs_token: {MARKER}-of-synapse\n\
         sender_localpart: bot\nrate_limited: false\nnamespaces:\n  users: []\n  rooms: []\n  aliases: []\n"
    );
    let registration = Registration::parse(&registration, &path, &config.homeserver.server_name).unwrap();
    is_inert("Registration", &registration);
}
