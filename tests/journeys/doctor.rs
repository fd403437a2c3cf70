//! `doctor` against a set-up broken in every way it knows: the right line fails, alone, and passes once its mend is followed.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Effect, Matching, NewRoom, Person, SynapseVersion, free_port};

use crate::create_rooms;
use crate::doctor_support::{Diagnosis, fails, sound, stage};
use crate::support::{HOOK_SECRET, Stage, subject};

crate::on_both_versions!(
    a_sound_set_up_passes_and_nothing_is_changed_by_looking,
    the_bots_standing_is_mended_as_the_doctor_says,
    the_way_back_from_synapse_is_looked_at_from_end_to_end,
    a_room_that_federates_is_told_of_unless_the_file_says_so,
);

crate::on_one_version!(
    each_broken_connection_fails_its_own_line_until_it_is_mended,
    what_does_not_answer_is_told_soon_and_hides_nothing_else,
    secrets_that_lie_open_are_told_of,
);

/// The mend of most of what is wrong with the bot.
async fn bootstrap(stage: &Stage) {
    let output = stage.service.run_cli(&["bootstrap", "--shared-secret-file", "shared-secret"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
}

async fn a_sound_set_up_passes_and_nothing_is_changed_by_looking(version: SynapseVersion) {
    let stage = stage(version).await;
    // A database that nobody has used yet stays as it is.
    let before = sound(&stage).await;
    assert_eq!(
        (before.with("warn"), before.with("skip")),
        (vec!["database", "listener"], vec!["deployment", "paused"])
    );
    let schema: Option<String> = sqlx::query_scalar("SELECT to_regnamespace('provisioner')::text")
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap();
    assert_eq!((schema, stage.writes()), (None, 0));

    stage.start().await;
    stage.quiet().await;
    let writes = stage.writes();
    let diagnosis = sound(&stage).await;
    assert_eq!((diagnosis.with("warn"), diagnosis.with("skip")), (vec![], vec![]), "{:#?}", diagnosis.0);
    let mut checks = diagnosis.with("pass");
    checks.sort_unstable();
    checks.dedup();
    let expected = [
        "clock",
        "config",
        "database",
        "deployment",
        "devices",
        "guests",
        "homeserver",
        "listener",
        "passwords",
        "paused",
        "pool",
        "power",
        "previews",
        "public_url",
        "pushes",
        "queue",
        "registration",
        "room",
        "roster",
        "secrets",
        "selectors",
        "server_admin",
        "sign_up",
        "token",
        "transport",
    ];
    assert_eq!(checks, expected);
    assert_eq!(stage.writes(), writes, "{:#?}", stage.proxy.requests());

    let text = stage.service.run_cli(&["doctor"]).await.unwrap();
    assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""), "{text:?}");
    assert!(text.stdout.contains(&format!("pass  homeserver    Synapse {} answers", version.number())), "{text:?}");
    assert!(text.stdout.starts_with("All is well. "), "{text:?}");
    assert!(!text.stdout.contains(&stage.slot.as_token) && !text.stdout.contains(&stage.database), "{text:?}");

    // What is worth knowing, and stops nothing.
    let of_staff = Matching::any().path(&format!("/_synapse/admin/v1/rooms/{}", stage.staff));
    stage.proxy.fault(
        of_staff,
        Effect::rewrite(|mut summary| {
            summary["joined_members"] = json!(600);
            summary
        }),
    );
    assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    let diagnosis = sound(&stage).await;
    assert_eq!(diagnosis.with("warn"), ["paused", "room_size"], "{:#?}", diagnosis.0);
    assert!(diagnosis.said("room_size").contains("staff") && diagnosis.said("room_size").contains("600 × 600"));
    assert_eq!(stage.service.run_cli(&["resume"]).await.unwrap().status, Some(0));
    stage.proxy.clear_faults();
    stage.hasura.empty().await.unwrap();
    let diagnosis = sound(&stage).await;
    assert_eq!((diagnosis.with("warn"), diagnosis.with("skip")), (vec!["roster"], vec!["selectors"]));
}

/// A set-up that is wrong in one way.
struct Broken {
    config: String,
    /// Of the copy that the configuration may name.
    registration: String,
    check: &'static str,
    says: Vec<&'static str>,
    skips: Vec<&'static str>,
}

async fn each_broken_connection_fails_its_own_line_until_it_is_mended(version: SynapseVersion) {
    let mut stage = stage(version).await;
    let nowhere = format!("127.0.0.1:{}", free_port().unwrap());
    let good = stage.config();
    let registration = stage.slot.registration.display().to_string();
    let copy = stage.service.directory().join("other.yaml");
    let text = std::fs::read_to_string(&registration).unwrap();
    let other_token = text.replace(&stage.slot.as_token, "another-token-of-nobody-0123456789");
    let (homeserver, database, roster) =
        (stage.proxy.url().to_owned(), stage.database.clone(), stage.hasura.url().to_owned());
    let moved = |url: &str| {
        let (before, name) = url.rsplit_once('/').unwrap();
        let (user, _) = before.rsplit_once('@').unwrap();
        format!("{user}@{nowhere}/{name}")
    };

    let of_synapse = ["token", "server_admin", "devices", "guests", "previews", "listener", "room"];
    let without_synapse = ["homeserver", "token", "server_admin", "devices", "guests", "previews", "listener", "room"];
    let unreachable = [&of_synapse[..], &["sign_up", "passwords"]].concat();
    let with_copy = good.replace(&registration, copy.to_str().unwrap());
    let wrong_columns = "[roster]\nquery = \"SELECT 1 AS subject, 2 AS team\"";
    let no_id = good.replace(&format!("id = \"{}\"\n", stage.analysts), "");
    let broken = |config: &str, check: &'static str, says: &[&'static str], skips: &[&'static str]| Broken {
        config: config.to_owned(),
        registration: other_token.clone(),
        check,
        says: says.to_vec(),
        skips: skips.to_vec(),
    };
    let all = [
        broken(&with_copy, "token", &["as_token", "same registration file"], &of_synapse[1..]),
        Broken {
            registration: "id: x\n".to_owned(),
            ..broken(&with_copy, "registration", &["as_token is missing"], &without_synapse)
        },
        broken(
            &good.replace("phenom.test", "elsewhere.test"),
            "token",
            &[":phenom.test, and by", ":elsewhere.test", "homeserver.server_name"],
            &of_synapse[1..],
        ),
        broken(
            &good.replace(&homeserver, &format!("http://{nowhere}")),
            "homeserver",
            &["onnection refused", "mend homeserver.url"],
            &unreachable,
        ),
        broken(
            &good.replace(&database, &moved(&database)),
            "database",
            &["mend database.url"],
            &["deployment", "paused"],
        ),
        broken(
            &good.replace(&database, &format!("{database}x")),
            "database",
            &["does not exist"],
            &["deployment", "paused"],
        ),
        broken(&good.replace(&roster, &moved(&roster)), "roster", &["mend roster.url"], &["selectors"]),
        broken(&good.replace("[roster]", wrong_columns), "roster", &["(subject, team)", "rename them"], &["selectors"]),
        broken(
            &good.replace("\"staff\" }", "\"Staf\" }"),
            "selectors",
            &["members of staff", "did you mean", "staff"],
            &[],
        ),
        broken(
            &good.replace("[guard]", "[gard]"),
            "config",
            &["gard", "guard"],
            &["registration", "database", "roster", "homeserver", "queue", "pool"],
        ),
        broken(&no_id, "config", &["analysts", "--create-rooms"], &[]),
    ];
    assert_eq!(stage.plan().await.0, 2, "the database is migrated and stamped");
    // The stamp would speak of the other server name too.
    let stamp = "DELETE FROM provisioner.stamp";
    sqlx::query(stamp).execute(&mut stage.connect().await).await.unwrap();
    for Broken { config, registration, check, says, skips } in all {
        std::fs::write(&copy, registration).unwrap();
        stage.edit(|_| config);
        let diagnosis = fails(&stage, check, &says).await;
        assert_eq!(diagnosis.with("skip"), skips, "{check}: {:#?}", diagnosis.0);
        stage.edit(|good| good);
        sound(&stage).await;
    }

    // A database of another deployment, and both ways out.
    assert_eq!(stage.plan().await.0, 2);
    stage.edit(|config| config.replace("environment = \"test\"", "environment = \"other\""));
    let update = "UPDATE provisioner.stamp SET environment = 'other'";
    fails(&stage, "deployment", &["environment", "test", "other", "database.url", update]).await;
    stage.edit(|good| good);
    sound(&stage).await;
    stage.edit(|config| config.replace("environment = \"test\"", "environment = \"other\""));
    sqlx::query(update).execute(&mut stage.connect().await).await.unwrap();
    sound(&stage).await;

    // What only costs time is no failure.
    std::fs::write(&copy, text.replace("rate_limited: false", "rate_limited: true")).unwrap();
    stage.edit(|config| {
        config
            .replace(&registration, copy.to_str().unwrap())
            .replace("environment = \"test\"", "environment = \"other\"")
    });
    assert!(sound(&stage).await.said("registration").contains("rate_limited: false"));

    // A team that nobody is in may be right.
    stage.edit(|config| {
        config.replace("environment = \"test\"", "environment = \"other\"").replace("\"staff\" }", "\"cooks\" }")
    });
    let diagnosis = sound(&stage).await;
    assert!(diagnosis.said("selectors").contains("the teams in the roster: analysts, staff"), "{:#?}", diagnosis.0);
}

async fn the_bots_standing_is_mended_as_the_doctor_says(version: SynapseVersion) {
    let room_versions: &[&str] = if version == SynapseVersion::V1_105 { &["10"] } else { &["10", "12"] };
    for room_version in room_versions {
        // With an admin of its own: Synapse limits how many rooms one person makes.
        let mut stage = stage(version).await;
        let bot = stage.slot.bot.clone();
        let room = || NewRoom { version: Some((*room_version).to_owned()), ..NewRoom::default() };
        stage.staff = stage.admin.create_room_with(&stage.bot, room()).await.unwrap();
        stage.change(|_| {});
        sound(&stage).await;

        stage.admin.set_server_admin(&bot, false).await.unwrap();
        fails(&stage, "server_admin", &["not a server admin", "bootstrap"]).await;
        bootstrap(&stage).await;
        sound(&stage).await;

        // Out of the room.
        stage.bot.request(reqwest::Method::POST, &leave(&stage.staff), Some(json!({}))).await.unwrap();
        fails(&stage, "room", &["staff", "is not in", "phenom-provisioner bootstrap"]).await;
        bootstrap(&stage).await;
        sound(&stage).await;

        stage.edit(|config| config.replace(&stage_id(&config, "staff"), "!nowhere:phenom.test"));
        fails(&stage, "room", &["staff (!nowhere:phenom.test)", "knows no such room", "own id"]).await;
        stage.change(|_| {});
        sound(&stage).await;

        // In the room, and nobody there.
        stage.staff = stage.admin.create_room(NewRoom { invite: vec![bot.clone()], ..room() }).await.unwrap();
        stage.bot.join(&stage.staff).await.unwrap();
        stage.change(|_| {});
        fails(&stage, "power", &["staff", "has level 0, and needs 50 to remove people", "bootstrap"]).await;
        bootstrap(&stage).await;
        sound(&stage).await;

        // A user with the bot's own level: the bot could never remove them.
        let rival = Person::login(&stage.bed.synapse, &subject()).await.unwrap();
        let power = [(rival.mxid.clone(), 100)].into();
        let with_rival = NewRoom { power, invite: vec![rival.mxid.clone()], ..room() };
        stage.staff = stage.admin.create_room_with(&stage.bot, with_rival).await.unwrap();
        rival.join(&stage.staff).await.unwrap();
        stage.change(|_| {});
        fails(&stage, "power", &["staff", &rival.mxid, "lower themselves", "guard.exempt"]).await;
        let by_rival = stage.admin.with_token(&rival.mxid, &rival.client.access_token().unwrap());
        let mut levels = stage.admin.state(&stage.staff, "m.room.power_levels", "").await.unwrap().unwrap();
        levels["users"][&rival.mxid] = json!(50);
        by_rival.send_state(&stage.staff, "m.room.power_levels", "", levels).await.unwrap();
        sound(&stage).await;

        // A room that was upgraded.
        let path = format!("/_matrix/client/v3/rooms/{}/upgrade", stage.staff);
        let newer = if *room_version == "10" { "11" } else { "12" };
        let answer =
            stage.admin.call(reqwest::Method::POST, &path, Some(json!({ "new_version": newer }))).await.unwrap();
        let successor = answer["replacement_room"].as_str().unwrap().to_owned();
        let mend = format!("id = \\\"{successor}\\\"");
        fails(&stage, "tombstone", &["staff", "was replaced by", &successor, &mend, "bootstrap"]).await;
        stage.staff = successor;
        stage.change(|_| {});
        fails(&stage, "room", &["staff", "is not in"]).await;
        bootstrap(&stage).await;
        sound(&stage).await;
    }
}

fn leave(room: &str) -> String {
    format!("/_matrix/client/v3/rooms/{room}/leave")
}

/// The id that stands under a key.
fn stage_id(config: &str, key: &str) -> String {
    let (_, rest) = config.split_once(&format!("key = \"{key}\"\nid = \"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

async fn the_way_back_from_synapse_is_looked_at_from_end_to_end(version: SynapseVersion) {
    let mut stage = stage(version).await;
    let down = sound(&stage).await;
    assert!(down.said("listener").contains("nothing listens on") && down.said("listener").contains("run"));

    // The service listens where the registration does not lead.
    let elsewhere = format!("127.0.0.1:{}", free_port().unwrap());
    let listen = stage.slot.listen();
    stage.edit(|config| config.replace(&format!("listen = \"{listen}\""), &format!("listen = \"{elsewhere}\"")));
    stage.start().await;
    fails(&stage, "listener", &["does not reach", &format!("http://{listen}"), &elsewhere, "appservice.listen"]).await;
    stage.service.sigterm().await.unwrap();
    stage.change(|_| {});
    stage.start().await;
    let diagnosis = sound(&stage).await;
    assert_eq!(diagnosis.with("warn"), [""; 0], "{:#?}", diagnosis.0);

    // A registration with another hs_token: Synapse gets there and is turned away.
    stage.service.sigterm().await.unwrap();
    let text = std::fs::read_to_string(&stage.slot.registration).unwrap();
    let copy = stage.service.directory().join("other.yaml");
    std::fs::write(&copy, text.replace(&stage.slot.hs_token, "another-token-of-nobody-0123456789")).unwrap();
    let registration = stage.slot.registration.display().to_string();
    stage.edit(|config| config.replace(&registration, copy.to_str().unwrap()));
    stage.start().await;
    fails(&stage, "listener", &["does not reach", "403", "same registration file"]).await;
    stage.service.sigterm().await.unwrap();
    stage.change(|_| {});
    stage.start().await;
    sound(&stage).await;
}

async fn what_does_not_answer_is_told_soon_and_hides_nothing_else(version: SynapseVersion) {
    let mut stage = stage(version).await;
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let (homeserver, database, roster) =
        (stage.proxy.url().to_owned(), stage.database.clone(), stage.hasura.url().to_owned());
    stage.edit(|config| {
        let config = config.replace(&homeserver, &format!("http://{address}"));
        let config = config.replace(&database, &format!("postgres://nobody@{address}/one"));
        config.replace(&roster, &format!("postgres://nobody@{address}/two"))
    });
    let begun = Instant::now();
    let diagnosis = Diagnosis::of(&stage).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(diagnosis.with("fail"), ["database", "homeserver", "roster"], "{:#?}", diagnosis.0);
    assert_eq!(
        diagnosis.with("pass"),
        ["config", "registration", "secrets", "transport", "public_url", "queue", "pool"]
    );

    // A proxy that does not let the admin API through.
    stage.change(|_| {});
    let refusal = json!({ "errcode": "M_UNRECOGNIZED", "error": "Unrecognized request" });
    stage.proxy.fault(Matching::any().path("/_synapse/"), Effect::Answer(404, refusal));
    fails(&stage, "homeserver", &["is not Synapse's API", "not to the public proxy"]).await;
    stage.proxy.clear_faults();

    // A single room that hangs costs no other its line.
    stage.change(|_| {});
    stage.proxy.fault(Matching::any().path(&stage.staff), Effect::Hold);
    let begun = Instant::now();
    let diagnosis = fails(&stage, "room", &["staff", "within"]).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let passed: String = diagnosis.0.iter().map(|finding| format!("{}\n", finding["text"])).collect();
    assert!(passed.contains("red-room: the bot is in") && passed.contains("analysts: the bot is in"), "{passed}");
}

async fn secrets_that_lie_open_are_told_of(version: SynapseVersion) {
    let mut stage = stage(version).await;
    let open = |file: &Path, mode| std::fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
    let secret = stage.service.directory().join("hook-secret");
    std::fs::write(&secret, HOOK_SECRET).unwrap();
    open(&secret, 0o600);
    let inline = format!("hook_secret = \"{HOOK_SECRET}\"");
    stage.edit(|config| config.replace(&inline, &format!("hook_secret_file = \"{}\"", secret.display())));
    assert_eq!(sound(&stage).await.said("secrets"), "");
    let registration = stage.slot.registration.clone();
    for file in [&secret, &registration] {
        open(file, 0o644);
        let said = sound(&stage).await.said("secrets");
        assert!(said.contains(file.to_str().unwrap()) && said.contains("chmod 600"), "{said}");
        // Synapse may be of another user, and of the same group.
        open(file, 0o640);
        assert_eq!(sound(&stage).await.said("secrets"), "");
    }
}

async fn a_room_that_federates_is_told_of_unless_the_file_says_so(version: SynapseVersion) {
    let mut stage = stage(version).await;
    assert_eq!(sound(&stage).await.said("federation"), "");
    let silent = |config: String| config.replace("federate = true\n", "");
    stage.edit(silent);
    let said = sound(&stage).await.said("federation");
    for room in [&stage.red, &stage.staff, &stage.analysts] {
        assert!(said.contains(&format!("{room} federates")) && said.contains("write federate = true"), "{said}");
    }
    // The other way out: a room in its place.
    stage.bot.request(reqwest::Method::POST, &leave(&stage.staff), Some(json!({}))).await.unwrap();
    let line = format!("id = \"{}\"\n", stage.staff);
    stage.edit(|config| silent(config).replace(&line, ""));
    let made = create_rooms::create(&stage, "10").await;
    stage.staff = create_rooms::printed(&made)["staff"].clone();
    stage.edit(silent);
    let said = sound(&stage).await.said("federation");
    assert!(!said.contains(&stage.staff) && said.contains(&stage.red), "{said}");
    stage.change(|_| {});
    let said = sound(&stage).await.said("federation");
    assert!(said.contains(&format!("{} was made without federation", stage.staff)), "{said}");
}
