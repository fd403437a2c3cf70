//! What the journeys between two servers share: a stage on a Synapse that federates, and people of the other one.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Admin, Federation, Person, SynapseVersion, federated, wait_until};

use crate::support::{SOON, Settings, Stage, newest_room_version, subject};

/// A stage on a Synapse that federates with another, in rooms of the newest version.
pub(crate) async fn stage(version: SynapseVersion, settings: Settings) -> (Arc<Federation>, Stage) {
    let federation = federated(version).await;
    let settings = Settings { room_version: Some(newest_room_version(version)), ..settings };
    let stage = Stage::set_on(Arc::clone(&federation.bed), settings).await;
    (federation, stage)
}

/// The same with an exempt person of the other server, and with these classes enforced and these lines under the room of staff.
pub(crate) async fn with_moderator(
    version: SynapseVersion,
    enforced: &[&str],
    of_staff: &str,
) -> (Arc<Federation>, Stage, Outsider) {
    let (federation, mut stage) = stage(version, Settings::default()).await;
    let moderator = Outsider::of(&federation).await;
    let exempt = moderator.mxid.clone();
    stage.change(|settings| settings.exempt.push(exempt));
    stage.edit(|config| {
        let modes: String = enforced.iter().map(|class| format!("{class} = \"enforce\"\n")).collect();
        let members = "members = [{ team = \"staff\" }]\n";
        let config = config.replace("[modes]\n", &format!("[modes]\n{modes}"));
        config.replace(members, &format!("{members}{of_staff}\n"))
    });
    (federation, stage, moderator)
}

impl Stage {
    /// Anybody may join.
    pub(crate) async fn open_to_all(&self, room: &str) {
        self.admin.send_state(room, "m.room.join_rules", "", json!({"join_rule": "public"})).await.unwrap();
    }

    /// Waits until a user of any server has `membership` in `room`.
    pub(crate) async fn until_is(&self, room: &str, mxid: &str, membership: &str) {
        let is = async || self.admin.membership_of(room, mxid).await.is_ok_and(|its| its == membership);
        wait_until(&format!("{mxid} has membership {membership} in {room}"), SOON, is).await.unwrap();
    }

    /// An event as the server under test has it.
    pub(crate) async fn event(&self, room: &str, id: &str) -> Value {
        let path = format!("/_matrix/client/v3/rooms/{}/event/{}", in_path(room), in_path(id));
        self.admin.call(Method::GET, &path, None).await.unwrap()
    }

    /// What is kept of what the service was pushed of somebody's membership, the oldest first, once it has dealt with it.
    pub(crate) async fn handled(&self, mxid: &str) -> Vec<Value> {
        let events: Vec<String> = sqlx::query_scalar(
            "SELECT event FROM provisioner.inbox WHERE type = 'm.room.member' AND event::jsonb ->> 'state_key' = $1
             AND handled_at IS NOT NULL ORDER BY id",
        )
        .bind(mxid)
        .fetch_all(&mut self.connect().await)
        .await
        .unwrap();
        events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
    }

    /// Waits until the service has dealt with a push that says so of a user.
    pub(crate) async fn until_handled(&self, mxid: &str, membership: &str) {
        let is_so = |event: &Value| event["content"]["membership"] == membership;
        let is_handled = async || self.handled(mxid).await.iter().any(is_so);
        wait_until(&format!("the service knows of {mxid}'s {membership}"), SOON, is_handled).await.unwrap();
    }

    /// What the ledger has of a user, the newest first.
    pub(crate) async fn ledger_of(&self, mxid: &str) -> Vec<Value> {
        let lines = self.service.run_cli(&["history", mxid, "--json"]).await.unwrap().json().unwrap();
        lines.as_array().unwrap().clone()
    }
}

/// Somebody of the other server.
pub(crate) struct Outsider {
    pub(crate) mxid: String,
    /// Their own calls to their own server.
    pub(crate) hands: Admin,
    /// The server through which they come in.
    via: String,
}

impl Outsider {
    pub(crate) async fn of(federation: &Federation) -> Outsider {
        let person = Person::login(&federation.other, &subject()).await.unwrap();
        let admin = Admin::register(&federation.other).await.unwrap();
        let hands = admin.with_token(&person.mxid, &person.client.access_token().unwrap());
        let via = federation.bed.synapse.server_name().to_owned();
        Outsider { mxid: person.mxid, hands, via }
    }

    /// Asks their server to join. False where that is refused.
    pub(crate) async fn joins(&self, room: &str) -> bool {
        // Older and newer servers have another word for it.
        let via = in_path(&self.via);
        let path = format!("/_matrix/client/v3/join/{}?server_name={via}&via={via}", in_path(room));
        self.hands.request(Method::POST, &path, Some(json!({}))).await.unwrap().0.is_success()
    }

    pub(crate) async fn leave(&self, room: &str) {
        let path = format!("/_matrix/client/v3/rooms/{}/leave", in_path(room));
        self.hands.call(Method::POST, &path, Some(json!({}))).await.unwrap();
    }

    /// Waits until their own server knows that they are out.
    pub(crate) async fn until_out(&self, room: &str) {
        let path = "/_matrix/client/v3/joined_rooms";
        let is_out = async || {
            let rooms = self.hands.call(Method::GET, path, None).await.unwrap();
            !rooms["joined_rooms"].as_array().unwrap().contains(&json!(room))
        };
        wait_until(&format!("{}'s server knows that they are out", self.mxid), SOON, is_out).await.unwrap();
    }

    /// What a piece of state is to their own server.
    pub(crate) async fn state(&self, room: &str, kind: &str) -> Value {
        let path = format!("/_matrix/client/v3/rooms/{}/state/{kind}", in_path(room));
        self.hands.call(Method::GET, &path, None).await.unwrap()
    }
}

pub(crate) fn in_path(id: &str) -> String {
    id.replace('!', "%21").replace(':', "%3A").replace('$', "%24").replace('@', "%40")
}
