//! Accidents upstream: answers with 200 that are empty or much too small. Nobody is removed for them, and what gives goes on.

use phenom_provisioner::store::Store;
use serde_json::{Value, json};
use testbed::{Effect, Matching, Person, SynapseVersion};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_query_whose_join_drops_most_rows_removes_nobody,
    thirty_percent_of_a_room_is_held_with_its_numbers,
    one_row_deleted_again_and_again_stops_at_the_limit,
    who_left_by_choice_is_not_forgotten_for_an_empty_list_of_those_who_are_gone,
);

fn guarded() -> Settings {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    Settings { guard, ..Settings::default() }
}

async fn add(stage: &Stage, people: &[String], team: &str) {
    for sub in people {
        stage.hasura.add(sub, team, "member").await.unwrap();
    }
}

/// Counts of what is held now: `(room, count)`.
async fn held(stage: &Stage) -> Vec<(String, u64)> {
    let store = Store::open(&stage.database).await.unwrap();
    let Some(held) = store.held_plan().await.unwrap() else { return Vec::new() };
    let one = |one: &Value| (one["room"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap());
    held.counts.as_array().unwrap().iter().map(one).collect()
}

async fn all_in(stage: &Stage, room: &str, people: &[String]) {
    let members = stage.admin.members(room).await.unwrap();
    for sub in people {
        assert_eq!(members.get(&stage.mxid(sub)).map(String::as_str), Some("join"), "{sub}");
    }
}

async fn a_query_whose_join_drops_most_rows_removes_nobody(version: SynapseVersion) {
    // Only people with a profile: the join that somebody breaks.
    let query = "SELECT u.id::text AS subject, t.name AS team, tm.role AS role FROM team_members tm \
                 JOIN teams t ON t.id = tm.team_id JOIN users u ON u.id = tm.user_id \
                 JOIN profiles p ON p.user_id = u.id";
    let stage = Stage::set_newest(version, Settings { query: Some(query.to_owned()), ..guarded() }).await;
    let (staff, analysts, newcomer) = (subjects(6), subjects(4), subject());
    add(&stage, &staff, "staff").await;
    add(&stage, &analysts, "analysts").await;
    stage.hasura.execute("CREATE TABLE profiles AS SELECT id AS user_id FROM users").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);

    let kept = &staff[0];
    stage.hasura.execute(&format!("DELETE FROM profiles WHERE user_id::text <> '{kept}'")).await.unwrap();
    stage.hasura.add(&newcomer, "staff", "member").await.unwrap();
    stage.hasura.execute(&format!("INSERT INTO profiles VALUES ('{newcomer}')")).await.unwrap();
    for _ in 0..2 {
        let (status, report) = stage.apply().await;
        assert_eq!((status, &report["held"]), (3, &json!(9)), "{report:#}");
    }
    all_in(&stage, &stage.staff, &staff).await;
    all_in(&stage, &stage.staff, &[newcomer]).await;
    all_in(&stage, &stage.analysts, &analysts).await;
    assert_eq!(held(&stage).await, [("staff".to_owned(), 5), ("analysts".to_owned(), 4)]);

    stage.hasura.execute("DELETE FROM profiles; INSERT INTO profiles SELECT id FROM users").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(held(&stage).await, []);
    stage.nothing_left().await;
}

async fn thirty_percent_of_a_room_is_held_with_its_numbers(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    let (staff, newcomer, later) = (subjects(13), subject(), subjects(8));
    add(&stage, &staff, "staff").await;
    assert_eq!(stage.apply().await.0, 0);
    // 4 of 13, and of the 15 in the room, who are the bot and the room's creator besides.
    for sub in &staff[..4] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    stage.hasura.add(&newcomer, "staff", "lead").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"], &report["done"]), (3, &json!(4), &json!(3)), "{report:#}");
    assert!(report["held_because"][0].as_str().unwrap().starts_with("staff: 4 removals, of 15 members"), "{report:#}");
    assert_eq!(held(&stage).await, [("staff".to_owned(), 4)]);
    all_in(&stage, &stage.staff, &staff).await;
    all_in(&stage, &stage.staff, &[newcomer]).await;
    // Of more members it would be a smaller share; they were joined after it was held, and do not count.
    add(&stage, &later, "staff").await;
    assert_eq!(stage.apply().await.0, 3);
    all_in(&stage, &stage.staff, &later).await;
    let (status, again) = stage.apply().await;
    assert_eq!((status, &again["held_id"]), (3, &report["held_id"]), "{again:#}");
    // The numbers of the plan are those of the report; approved, exactly these four go.
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["held_id"], report["held_id"], "{plan:#}");
    let id = report["held_id"].as_str().unwrap();
    let approved = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
    assert_eq!((approved.status, &approved.json().unwrap()["done"]), (Some(0), &json!(4)), "{approved:?}");
    all_in(&stage, &stage.staff, &staff[4..]).await;
    for sub in &staff[..4] {
        assert_eq!(stage.membership(&stage.staff, sub).await, "leave");
    }
    stage.nothing_left().await;
}

async fn one_row_deleted_again_and_again_stops_at_the_limit(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { notify: true, ..guarded() }).await;
    let staff = subjects(30);
    add(&stage, &staff, "staff").await;
    stage.start().await;
    stage.until(&stage.staff, &staff[29], "join", SOON * 4).await;
    for sub in &staff {
        stage.until(&stage.staff, sub, "join", SOON * 4).await;
    }
    // Each of them alone is nothing: few, and few of the room.
    for sub in &staff[..12] {
        stage.hasura.remove(sub, "staff").await.unwrap();
        stage.apply().await;
    }
    for (number, sub) in staff.iter().enumerate() {
        let wanted = if number < 5 { "leave" } else { "join" };
        assert_eq!(stage.membership(&stage.staff, sub).await, wanted, "number {number}");
    }
    assert_eq!(held(&stage).await, [("staff".to_owned(), 7)]);
    let (status, report) = stage.apply().await;
    assert_eq!(status, 3);
    assert!(
        report["held_because"][0].as_str().unwrap().contains("7 removals now and 5 earlier this hour, of 32 members"),
        "{report:#}"
    );
    // A restart does not begin the window anew.
    stage.service.sigkill().await.unwrap();
    stage.start().await;
    assert_eq!((stage.apply().await.0, held(&stage).await), (3, vec![("staff".to_owned(), 7)]));
}

async fn who_left_by_choice_is_not_forgotten_for_an_empty_list_of_those_who_are_gone(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    let (people, leaver, outsider) = (subjects(4), subject(), subject());
    add(&stage, &people, "staff").await;
    add(&stage, std::slice::from_ref(&leaver), "staff").await;
    stage.start().await;
    for sub in people.iter().chain([&leaver]) {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    Person::login(&stage.bed.synapse, &leaver).await.unwrap().leave(&stage.staff).await.unwrap();
    stage.hook().await;
    stage.quiet().await;
    let writes = stage.writes();
    let others = stage.proxy.fault(
        Matching::any().method("GET").path(&format!("/_matrix/client/v3/rooms/{}/members", stage.staff)),
        Effect::rewrite(|_| json!({"chunk": []})),
    );
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (1, &json!(0)), "{report:#}");
    assert!(report["errors"].to_string().contains("memberships do not vanish"), "{report:#}");
    assert!(others.hits() > 0);
    assert_eq!(stage.writes(), writes, "{:#?}", stage.proxy.requests());
    others.lift();
    assert_eq!(stage.apply().await.0, 0);
    // And all is as before: who should go goes.
    stage.member(&stage.staff, &outsider).await;
    stage.until(&stage.staff, &outsider, "leave", SOON).await;
    all_in(&stage, &stage.staff, &people).await;
    assert_eq!(stage.membership(&stage.staff, &leaver).await, "leave");
    stage.nothing_left().await;
}
