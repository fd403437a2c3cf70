//! The Staff room: an approval while a room is being read slowly.

use std::time::Duration;

use testbed::{Effect, Fault, Matching, SynapseVersion, wait_until};

use crate::staff_held::{go, held, memberships};
use crate::staff_support::{A_WHILE, StaffStage};
use crate::support::SOON;

crate::on_one_version!(
    an_approval_waits_for_the_room_that_it_is_about,
    a_pause_ends_an_approval_although_a_room_is_being_read,
    a_no_ends_an_approval_that_waits,
    a_no_to_what_was_ticked_a_moment_ago_ends_it,
    a_no_takes_back_what_has_not_begun,
);

/// Longer than a reading is waited for.
const SLOW: Duration = Duration::from_secs(8);

/// An approval has all rooms read again: the members of this one are told late.
pub(crate) fn late(staff: &StaffStage, room: &str) -> Fault {
    let members = Matching::any().path(&format!("/rooms/{room}/members")).times(1);
    staff.stage.proxy.fault(members, Effect::HoldAnswer)
}

pub(crate) async fn until_asked(late: &Fault) {
    wait_until("its members are asked for", SOON, async || late.hits() > 0).await.unwrap();
    tokio::time::sleep(SLOW).await;
}

/// The message is ticked, and this room is waited for.
pub(crate) async fn ticked(staff: &StaffStage, room: &str, post: &str) -> Fault {
    let late = late(staff, room);
    staff.react(&staff.lead, post, "✅").await;
    until_asked(&late).await;
    late
}

async fn an_approval_waits_for_the_room_that_it_is_about(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let late = ticked(&staff, &staff.stage.analysts, &post).await;
    assert_eq!(memberships(&staff, &people).await, ["join"; 6], "who is there is not known");
    late.lift();
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
    assert_eq!(memberships(&staff, &people).await, ["leave", "leave", "leave", "join", "join", "join"]);
    staff.stage.nothing_left().await;
}

async fn a_pause_ends_an_approval_although_a_room_is_being_read(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let late = late(&staff, &staff.stage.red);
    let slow = staff.stage.proxy.fault(Matching::any().path("/kick"), Effect::Delay(Duration::from_secs(2)));
    staff.react(&staff.lead, &post, "✅").await;
    until_asked(&late).await;
    staff.ask(&staff.lead, "!provisioner pause").await;
    staff.until_says(&post, &["paused"]).await;
    staff.ask(&staff.lead, "!provisioner resume").await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(memberships(&staff, &people[1..]).await, ["join"; 5], "what was approved before the pause is over");
    late.lift();
    slow.lift();
    wait_until("it is posted anew", SOON, async || staff.posted("people would").await != post).await.unwrap();
    let anew = staff.posted("people would").await;
    staff.react(&staff.lead, &anew, "✅").await;
    staff.until_says(&anew, &["Approved by", "made"]).await;
    assert_eq!(memberships(&staff, &people).await, ["leave", "leave", "leave", "join", "join", "join"]);
    staff.stage.nothing_left().await;
}

async fn a_no_ends_an_approval_that_waits(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let (_, plan) = staff.stage.plan().await;
    let id = plan["held_id"].as_str().unwrap();
    let late = late(&staff, &staff.stage.red);
    let command = ["apply", "--approve", id, "--json"];
    let approving = staff.stage.service.run_cli(&command);
    let refusing = async {
        until_asked(&late).await;
        // The message shows that plan still.
        go(&staff, &people[3..4]).await;
        let replaced = "SELECT EXISTS (SELECT FROM provisioner.held_plans WHERE state = 'superseded')";
        let mut database = staff.stage.connect().await;
        wait_until("more is held", SOON, async || sqlx::query_scalar(replaced).fetch_one(&mut database).await.unwrap())
            .await
            .unwrap();
        staff.react(&staff.lead, &post, "❌").await;
        staff.until_says(&post, &["said no"]).await;
        late.lift();
    };
    let (approved, ()) = tokio::join!(approving, refusing);
    let report = approved.unwrap().json().unwrap();
    assert!(report["errors"].to_string().contains("said no meanwhile"), "{report:#}");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}

async fn a_no_to_what_was_ticked_a_moment_ago_ends_it(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let late = ticked(&staff, &staff.stage.red, &post).await;
    staff.react(&staff.lead, &post, "❌").await;
    let refused = "SELECT EXISTS (SELECT FROM provisioner.pass_requests WHERE refused_by IS NOT NULL)";
    let mut database = staff.stage.connect().await;
    let is_refused = async || sqlx::query_scalar(refused).fetch_one(&mut database).await.unwrap();
    wait_until("the no is noted", SOON, is_refused).await.unwrap();
    late.lift();
    staff.until_says(&post, &["said no meanwhile"]).await;
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
    // What was refused is done by who says so by its name.
    let (_, plan) = staff.stage.plan().await;
    let id = plan["held_id"].as_str().unwrap();
    staff.ask(&staff.lead, &format!("!provisioner apply {id}")).await;
    for sub in &people[..3] {
        staff.stage.until(&staff.stage.analysts, sub, "leave", SOON).await;
    }
    staff.stage.nothing_left().await;
}

/// Of five removals, each of them slow, the first is under way. Who says no is admitted between two slices.
async fn a_no_takes_back_what_has_not_begun(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    go(&staff, &people[3..5]).await;
    let post = staff.posted("5 people would").await;
    let slow = staff.stage.proxy.fault(Matching::any().path("/kick"), Effect::Delay(Duration::from_secs(4)));
    staff.react(&staff.lead, &post, "✅").await;
    wait_until("the first removal is under way", SOON, async || slow.hits() > 0).await.unwrap();
    staff.react(&staff.lead, &post, "❌").await;
    staff.until_says(&post, &["said no meanwhile"]).await;
    slow.lift();
    staff.stage.quiet().await;
    assert!(slow.hits() < 5, "{}", slow.hits());
    assert_eq!(memberships(&staff, &people[4..]).await, ["join"; 2], "what has not begun is not done");
}
