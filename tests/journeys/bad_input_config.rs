//! A configuration that means another deployment, or nothing at all: refused with a clear message, and nothing is written.

use testbed::{Service, ServiceSpec, SynapseVersion, free_port, shared_postgres};

use crate::bad_input::{last_words, printed};
use crate::support::{Settings, Stage, subject};

crate::on_one_version!(a_homeserver_of_another_deployment_is_refused,);

async fn a_homeserver_of_another_deployment_is_refused(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    let outsider = subject();
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    // The rooms and the token are right, the name of the homeserver is not.
    let registration = std::fs::read_to_string(&stage.slot.registration).unwrap().replace("phenom.test", "other.test");
    let other = stage.service.directory().join("other.yaml");
    std::fs::write(&other, registration).unwrap();
    let ours = stage.slot.registration.display().to_string();
    stage.edit(|config| {
        config.replace(&ours, &other.display().to_string()).replace(r#""phenom.test""#, r#""other.test""#)
    });
    for args in [["plan"], ["apply"]] {
        let output = stage.refused(&args).await;
        let said = printed(&output);
        let names = [stage.bot.mxid.replace("phenom.test", "other.test"), stage.bot.mxid.clone()];
        assert!(names.iter().all(|name| said.contains(name)), "{said}");
        assert!(said.contains("another deployment"), "{said}");
    }
    assert_eq!(stage.writes(), 0, "{:#?}", stage.proxy.requests());
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");
}

/// A configuration of its own, for what is refused before anything is asked of Synapse.
async fn alone(rooms: &str) -> Service {
    let postgres = shared_postgres().await;
    let name = format!("provisioner_{}", subject().replace('-', "_"));
    let database = postgres.create_database(&name).await.unwrap();
    let [synapse, listen, admin] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
    let config = format!(
        r#"environment = "staging"
[homeserver]
url = "http://{synapse}"
server_name = "phenom.test"
[appservice]
registration = "registration.yaml"
listen = "{listen}"
[admin]
listen = "{admin}"
[database]
url = "{database}"
[roster]
query = "SELECT NULL AS subject, NULL AS team, NULL AS role LIMIT 0"
{rooms}"#
    );
    let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
    let service = Service::install(ServiceSpec { binary, config, env: vec![], admin }).unwrap();
    let registration = format!(
        "id: provisioner\nurl: http://{listen}\nas_token: as-token-of-sixteen-or-more\n\
         hs_token: hs-token-of-sixteen-or-more\nsender_localpart: phenom-provisioner-bot\nrate_limited: false\n\
         namespaces:\n  users:\n    - exclusive: true\n      regex: '^@phenom-provisioner-bot:phenom\\.test$'\n  \
         aliases: []\n  rooms: []\n"
    );
    std::fs::write(service.directory().join("registration.yaml"), registration).unwrap();
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_ids_that_are_none_are_refused_all_at_once() {
    let room = |key: &str, id: &str| format!("[[rooms]]\nkey = \"{key}\"\nid = \"{id}\"\nmembers = [\"everyone\"]\n");
    let rooms = [
        room("red-room", "!jFXGFANpXTXXgNkdNi"),
        room("staff", "#internal:phenom.test"),
        room("analysts", "!NvNAXrFhqFBZXUtEkU:phenom.test"),
        room("experiencers", "!NvNAXrFhqFBZXUtEkU:phenom.test"),
    ];
    let service = alone(&rooms.concat()).await;
    let said = [
        "3 errors",
        "rooms[red-room].id",
        "\"!jFXGFANpXTXXgNkdNi:phenom.test\"",
        "rooms[staff].id",
        "is an alias",
        "rooms[experiencers].id",
        "is the same as in line",
    ];
    for args in [["config", "check"].as_slice(), &["plan"], &["apply"]] {
        let output = service.run_cli(args).await.unwrap();
        assert_eq!(output.status, Some(1), "{args:?}: {output:?}");
        assert!(said.iter().all(|text| output.stderr.contains(text)), "{said:?} in {output:?}");
    }
    service.start_again().unwrap();
    assert_eq!(service.ended().await.unwrap().code(), Some(1));
    let last = last_words(&service);
    assert!(said.iter().all(|text| last.contains(text)), "{said:?} in {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_another_deployment_is_refused() {
    let room = "[[rooms]]\nkey = \"red-room\"\nid = \"!abc:phenom.test\"\nmembers = [\"everyone\"]\n";
    let mut service = alone(room).await;
    let config = std::fs::read_to_string(service.directory().join("provisioner.toml")).unwrap();
    // The first to come stamps it, though it gets no further than that here.
    let output = service.run_cli(&["plan"]).await.unwrap();
    assert!(output.stderr.contains("Synapse cannot be reached"), "{output:?}");
    for (key, ours, theirs, changed) in [
        ("environment", "production", "staging", config.replace("\"staging\"", "\"production\"")),
        ("server_name", "phenom.other", "phenom.test", config.replace("phenom.test", "phenom.other")),
    ] {
        service.set_config(&changed).unwrap();
        let registration = service.directory().join("registration.yaml");
        let registered = std::fs::read_to_string(&registration).unwrap();
        if key == "server_name" {
            std::fs::write(&registration, registered.replace("phenom\\.test", "phenom\\.other")).unwrap();
        }
        let said = [
            format!("this database belongs to {key} \"{theirs}\""),
            format!("the configuration says \"{ours}\""),
            "set database.url".to_owned(),
        ];
        let says = |text: &str| said.iter().all(|part| text.contains(part));
        for args in [["plan"].as_slice(), &["apply"]] {
            let output = service.run_cli(args).await.unwrap();
            assert_eq!(output.status, Some(1), "{output:?}");
            assert!(says(&output.stderr), "{said:?} in {output:?}");
        }
        service.start_again().unwrap();
        assert_eq!(service.ended().await.unwrap().code(), Some(1));
        assert!(says(&last_words(&service)), "{said:?} in {}", service.log());
    }
    // Back in its own place, it works on.
    let registration = service.directory().join("registration.yaml");
    let registered = std::fs::read_to_string(&registration).unwrap();
    std::fs::write(&registration, registered.replace("phenom\\.other", "phenom\\.test")).unwrap();
    service.set_config(&config).unwrap();
    let output = service.run_cli(&["plan"]).await.unwrap();
    assert!(output.stderr.contains("Synapse cannot be reached"), "{output:?}");
}
