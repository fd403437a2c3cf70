//! Lanes: what takes access away goes before what gives it, however much there is to give.

use std::sync::Arc;
use std::time::Duration;

use testbed::{Effect, Matching, Person, Recorded, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(what_takes_access_away_waits_for_no_fill);

const JOIN: &str = "/_synapse/admin/v1/join/";
const USERS: &str = "/_synapse/admin/v";

async fn what_takes_access_away_waits_for_no_fill(version: SynapseVersion) {
    const FILL: usize = 300;
    // The admins of other stages must not be this one's business.
    let mut stage = Stage::set_on(Arc::new(testbed::own(version).await.unwrap()), Settings::default()).await;
    stage.edit(|config| {
        let config = config.replace("[modes]\n", "[modes]\nserver_admins = \"enforce\"\n");
        format!("{config}\n[server_admins]\ngrant = [{{ team = \"staff\", role = \"lead\" }}]\n")
    });
    let (outsider, admin) = (subject(), subject());
    stage.member(&stage.staff, &outsider).await;
    Person::login(&stage.bed.synapse, &admin).await.unwrap();
    stage.admin.set_server_admin(&stage.mxid(&admin), true).await.unwrap();
    for sub in &subjects(FILL) {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.proxy.fault(Matching::any().method("POST").path(JOIN), Effect::Delay(Duration::from_millis(200)));
    stage.proxy.clear();
    stage.start_ready().await;
    let is_of_room = |one: &Recorded| one.method == "POST" && one.path.contains(&stage.staff);
    let is_of_server = |one: &Recorded| one.method == "PUT" && one.path.starts_with(USERS);
    wait_until("both lanes have begun", SOON, async || {
        stage.proxy.count(is_of_room) > 20 && stage.proxy.count(is_of_server) > 20
    })
    .await
    .unwrap();
    let place = |is_of_lane: &dyn Fn(&Recorded) -> bool, part: &str| {
        stage.proxy.requests().into_iter().filter(|one| is_of_lane(one)).position(|one| one.path.ends_with(part))
    };
    let (kick, revoke) = (place(&is_of_room, "/kick"), place(&is_of_server, &format!("{}/admin", stage.mxid(&admin))));
    assert!(kick.is_some_and(|place| place < 10), "the removal is write {kick:?} of its lane");
    assert!(revoke.is_some_and(|place| place < 10), "the revoke is write {revoke:?} of its lane");
    assert!(stage.joins() < FILL, "the fill goes on");
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "leave");
    // Lines are numbered as they are written, not by what is due in each slice; some lanes have just begun eight more.
    let (highest, lines): (i32, i64) =
        sqlx::query_as("SELECT max(seq), count(DISTINCT seq) FROM provisioner.ledger WHERE pass = 1")
            .fetch_one(&mut stage.connect().await)
            .await
            .unwrap();
    assert!(i64::from(highest) < lines + 50, "{lines} lines are numbered up to {highest}");
}
