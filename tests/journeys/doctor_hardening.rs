//! `doctor` on a Synapse that is open to everybody, from inside and as clients reach it, and on one that is not.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Admin, Effect, Matching, Proxy, SynapseVersion, own};

use crate::doctor_support::{Diagnosis, sound, stage_on};
use crate::support::{Stage, subject};

crate::on_both_versions!(what_is_open_is_told_of_until_it_is_shut_and_nothing_else_is);

/// A public proxy as it should be: clients have no business at these paths.
fn shut(public: &Proxy) {
    public.fault(Matching::any().path("/_synapse/"), Effect::Page(404));
}

/// The file with what clients use, and these lines under the analysts' room.
fn edit(stage: &mut Stage, public: &Proxy, lines: &str) {
    let section = format!("[homeserver]\npublic_url = \"{}\"\n", public.url());
    stage.edit(|config| {
        let (before, analysts) = config.split_once("key = \"analysts\"\n").unwrap();
        let before =
            before.replace("[homeserver]\n", &section).replace("[modes]\n", "[modes]\nroom_state = \"enforce\"\n");
        format!("{before}key = \"analysts\"\n{lines}{analysts}")
    });
}

/// What is said of none of these.
fn quiet(diagnosis: &Diagnosis, checks: &[&str]) {
    for check in checks {
        assert_eq!(diagnosis.said(check), "", "{:#?}", diagnosis.0);
    }
}

/// How many accounts there are, guests included.
async fn accounts(stage: &Stage) -> Value {
    stage.admin.call(Method::GET, "/_synapse/admin/v2/users?guests=true&limit=1", None).await.unwrap()["total"].clone()
}

/// Previews of URLs, but for these addresses.
fn previews(forbidden: &[&str]) -> [(&'static str, Value); 2] {
    [("/url_preview_enabled", json!(true)), ("/url_preview_ip_range_blacklist", json!(forbidden))]
}

/// Somebody who came without an account.
async fn guest(stage: &Stage) -> String {
    let url = format!("{}/_matrix/client/v3/register?kind=guest", stage.bed.synapse.url());
    let answer = reqwest::Client::new().post(url).json(&json!({})).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["user_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

const OF_SERVER: [&str; 8] =
    ["sign_up", "passwords", "public_url", "admin_api", "shared_secret", "metrics", "guests", "previews"];
const OF_ROOMS: [&str; 5] = ["directory", "join_rule", "history_visibility", "guest_access", "alias"];

async fn what_is_open_is_told_of_until_it_is_shut_and_nothing_else_is(version: SynapseVersion) {
    let bed = Arc::new(own(version).await.unwrap());
    bed.synapse.configure(&[("/password_config", json!({ "enabled": false }))]).await.unwrap();
    // Previews on, and kept from where they have no business.
    bed.synapse.configure(&previews(&["127.0.0.0/8", "10.0.0.0/8"])).await.unwrap();
    let public = Proxy::start(&bed.synapse.url()).await.unwrap();
    let mut stage = stage_on(bed).await;
    shut(&public);
    edit(&mut stage, &public, "");
    let diagnosis = sound(&stage).await;
    quiet(&diagnosis, &OF_SERVER);
    quiet(&diagnosis, &OF_ROOMS);
    assert_eq!(diagnosis.with("warn"), ["database", "listener"], "the service does not run: {:#?}", diagnosis.0);
    assert_eq!(public.count(|request| request.method != "GET"), 0, "{:#?}", public.requests());

    // Everything at once.
    let open = [
        ("/password_config", Value::Null),
        ("/enable_registration", json!(true)),
        ("/enable_registration_without_verification", json!(true)),
        ("/allow_guest_access", json!(true)),
        ("/enable_metrics", json!(true)),
        ("/listeners/0/resources/0/names", json!(["client", "metrics"])),
        ("/room_list_publication_rules", json!([{ "action": "allow" }])),
    ];
    stage.bed.synapse.configure(&open).await.unwrap();
    // Synapse wants a list, and takes one that forbids nothing of its own.
    stage.bed.synapse.configure(&previews(&["192.0.2.0/24"])).await.unwrap();
    let guest = guest(&stage).await;
    public.clear_faults();
    let alias = open_room(&stage).await;
    let before = accounts(&stage).await;
    let diagnosis = Diagnosis::of(&stage).await;
    assert_eq!(diagnosis.with("fail"), ["sign_up", "admin_api", "shared_secret", "metrics"], "{:#?}", diagnosis.0);
    for (check, parts) in [
        ("sign_up", ["enable_registration: false", "no source"]),
        ("passwords", ["org.matrix.login.jwt", "password_config: {enabled: false}"]),
        ("admin_api", [public.url(), "/_synapse/admin"]),
        ("shared_secret", [public.url(), "take registration_shared_secret out"]),
        ("metrics", [public.url(), "type: metrics"]),
        ("guests", [guest.as_str(), "allow_guest_access: false"]),
        ("previews", ["its own machine", "url_preview_ip_range_blacklist"]),
        ("directory", ["analysts", "visibility"]),
        ("join_rule", ["analysts: its join rule is \\\"public\\\"", "join_rule = \\\"invite\\\""]),
        ("history_visibility", ["analysts", "history_visibility = \\\"shared\\\""]),
        ("guest_access", ["analysts", "guest_access = \\\"forbidden\\\""]),
        ("alias", [alias.as_str(), stage.staff.as_str()]),
    ] {
        let said = diagnosis.said(check);
        assert!(parts.iter().all(|part| said.contains(part)) && said.lines().count() == 1, "{check}: {said}");
    }
    assert_eq!(accounts(&stage).await, before, "nobody was made");
    let sent: Vec<_> = public.requests().into_iter().filter(|request| request.method != "GET").collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert!(sent[0].is("POST", "/_synapse/admin/v1/register") && sent[0].body == json!({}), "{sent:#?}");
    assert_eq!(stage.writes(), 0);

    // Known from inside alone, it stops nothing, and what does no harm there is only said.
    stage.change(|_| {});
    let diagnosis = sound(&stage).await;
    assert!(diagnosis.with("warn").contains(&"sign_up"), "{:#?}", diagnosis.0);
    quiet(&diagnosis, &["passwords", "public_url", "admin_api", "shared_secret", "metrics"]);

    // The rooms: what the file decides is set, and stays so.
    edit(
        &mut stage,
        &public,
        "join_rule = \"invite\"\nhistory_visibility = \"shared\"\nguest_access = \"forbidden\"\n",
    );
    assert_eq!(stage.apply().await.0, 0);
    edit(&mut stage, &public, "");
    let directory = format!("/_matrix/client/v3/directory/list/room/{}", stage.analysts);
    stage.bot.call(Method::PUT, &directory, Some(json!({ "visibility": "private" }))).await.unwrap();
    stage.admin.send_state(&stage.analysts, "m.room.canonical_alias", "", json!({})).await.unwrap();
    quiet(&Diagnosis::of(&stage).await, &OF_ROOMS);

    // The server: the proxy first, then homeserver.yaml.
    shut(&public);
    assert_eq!(Diagnosis::of(&stage).await.with("fail"), ["sign_up"]);
    let closed = [
        ("/enable_registration", json!(false)),
        ("/password_config", json!({ "enabled": false })),
        ("/allow_guest_access", json!(false)),
        ("/url_preview_enabled", json!(false)),
    ];
    stage.bed.synapse.configure(&closed).await.unwrap();
    assert_eq!(Diagnosis::of(&stage).await.with("warn"), ["guests", "listener"], "a guest stays one");
    let path = format!("/_synapse/admin/v1/deactivate/{guest}");
    stage.admin.call(Method::POST, &path, Some(json!({ "erase": false }))).await.unwrap();
    let diagnosis = sound(&stage).await;
    quiet(&diagnosis, &OF_SERVER);
    quiet(&diagnosis, &OF_ROOMS);

    // What cannot be looked at is said.
    public.set_down(true);
    assert!(sound(&stage).await.said("public_url").contains("could not be looked at"));
}

/// Opens the analysts' room past its policy, and takes its main alias to another room.
async fn open_room(stage: &Stage) -> String {
    let (admin, room) = (&stage.admin, &stage.analysts);
    let alias = format!("#analysts-{}:{}", subject(), stage.bed.synapse.server_name());
    let path = format!("/_matrix/client/v3/directory/room/{}", alias.replace('#', "%23"));
    admin.call(Method::PUT, &path, Some(json!({ "room_id": room }))).await.unwrap();
    for (kind, content) in [
        ("m.room.canonical_alias", json!({ "alias": alias })),
        ("m.room.join_rules", json!({ "join_rule": "public" })),
        ("m.room.history_visibility", json!({ "history_visibility": "world_readable" })),
        ("m.room.guest_access", json!({ "guest_access": "can_join" })),
    ] {
        admin.send_state(room, kind, "", content).await.unwrap();
    }
    // By somebody who has no power in the room: Synapse takes it out of the room's state otherwise.
    let other = Admin::register(&stage.bed.synapse).await.unwrap();
    other.call(Method::DELETE, &path, None).await.unwrap();
    admin.call(Method::PUT, &path, Some(json!({ "room_id": stage.staff }))).await.unwrap();
    let directory = format!("/_matrix/client/v3/directory/list/room/{room}");
    admin.call(Method::PUT, &directory, Some(json!({ "visibility": "public" }))).await.unwrap();
    alias
}
