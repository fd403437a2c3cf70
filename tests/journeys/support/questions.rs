//! What is asked of a stage: by the service's own answers, by Synapse, by the ledger, and by what went through the proxy.

use std::time::{Duration, Instant};

use provisioner_policy::Kind;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testbed::{Output, Person, wait_until};

use super::{SOON, Stage};

impl Stage {
    /// What `/readyz` says.
    pub(crate) async fn readyz(&self) -> Option<(u16, Value)> {
        let answer = reqwest::get(format!("http://{}/readyz", self.admin_listen)).await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }

    /// Waits until the service says that it is not ready, and why: some reason holds all of `parts`.
    pub(crate) async fn until_not_ready(&self, parts: &[&str]) {
        self.until_not_ready_within(SOON, parts).await;
    }

    /// The same within a time.
    pub(crate) async fn until_not_ready_within(&self, bound: Duration, parts: &[&str]) {
        let what = format!("/readyz is 503 and names {parts:?}");
        wait_until(&what, bound, async || {
            let Some((503, answer)) = self.readyz().await else { return false };
            let reasons = answer["reasons"].as_array().cloned().unwrap_or_default();
            reasons.iter().any(|reason| parts.iter().all(|part| reason.as_str().unwrap().contains(part)))
        })
        .await
        .unwrap();
    }

    /// Waits until `run` has logged `text`.
    pub(crate) async fn until_logged(&self, text: &str) {
        wait_until(&format!("the log says {text:?}"), SOON, async || self.service.log().contains(text)).await.unwrap();
    }

    /// A connection to the service's own database.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.database).await.unwrap()
    }

    /// Memberships that `sub` has had in `room`, in order.
    pub(crate) async fn memberships(&self, room: &str, sub: &str) -> Vec<String> {
        let user = self.mxid(sub);
        let of_user = |event: &Value| event["type"] == "m.room.member" && event["state_key"] == user;
        // Synapse lists an event only once those that it took before are written, in other rooms, too.
        let mut events = Vec::new();
        wait_until("what is so now is listed", SOON, async || {
            let now = self.admin.state(room, "m.room.member", &user).await.unwrap();
            events = self.admin.messages(room, 1000).await.unwrap();
            events.retain(of_user);
            events.first().map(|event| &event["content"]) == now.as_ref()
        })
        .await
        .unwrap();
        events.iter().rev().map(|event| event["content"]["membership"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn membership(&self, room: &str, sub: &str) -> String {
        self.admin.membership_of(room, &self.mxid(sub)).await.unwrap_or_else(|error| format!("unknown: {error:#}"))
    }

    /// Waits until `sub` has `membership` in `room`.
    pub(crate) async fn until(&self, room: &str, sub: &str, membership: &str, bound: Duration) {
        let what = format!("{sub} has membership {membership} in {room}");
        wait_until(&what, bound, async || self.membership(room, sub).await == membership).await.unwrap();
    }

    /// The plan as `plan --json` prints it, and its exit code.
    pub(crate) async fn plan(&self) -> (i32, Value) {
        let output = self.service.run_cli(&["plan", "--json"]).await.unwrap();
        let status = output.status.unwrap();
        assert!(status == 0 || status == 2, "plan failed: {output:?}");
        (status, output.json().unwrap())
    }

    /// One pass by `apply --json`: the exit code and the report.
    pub(crate) async fn apply(&self) -> (i32, Value) {
        let output = self.service.run_cli(&["apply", "--json"]).await.unwrap();
        (output.status.unwrap(), output.json().unwrap())
    }

    /// A command that must end with exit code 1.
    pub(crate) async fn refused(&self, args: &[&str]) -> Output {
        let output = self.service.run_cli(args).await.unwrap();
        assert_eq!(output.status, Some(1), "{args:?}: {output:?}");
        output
    }

    /// Every journey ends with it: planning again finds nothing to do. A service that runs may be at it still: in a room, say, that
    /// the journey does not look at.
    pub(crate) async fn nothing_left(&self) {
        let (_, mut plan) = self.plan().await;
        let is_over = async || {
            if plan["actions"] != json!([]) && self.service.running() {
                plan = self.plan().await.1;
            }
            plan["actions"] == json!([]) || !self.service.running()
        };
        let ended = wait_until("nothing is left", SOON, is_over).await;
        assert!(ended.is_ok() && plan["actions"] == json!([]), "{plan:#}");
        self.ledger_says_why().await;
    }

    /// Whatever was done, tried or withheld has its line with its cause, and what was before and after.
    async fn ledger_says_why(&self) {
        let mute: Vec<Value> = sqlx::query_scalar(
            "SELECT to_jsonb(ledger) FROM provisioner.ledger
             WHERE cause = '' OR CASE kind
                 WHEN 'join' THEN before IN ('\"none\"', '\"invite\"', '\"leave\"', '\"knock\"', '\"ban\"') AND after = '\"join\"'
                 WHEN 'remove' THEN before IN ('\"join\"', '\"invite\"') AND after IN ('\"leave\"', '\"ban\"')
                 WHEN 'grant_server_admin' THEN before = 'false' AND after = 'true'
                 WHEN 'revoke_server_admin' THEN before = 'true' AND after = 'false'
                 WHEN 'set_power_levels' THEN before IS NOT NULL AND jsonb_typeof(after) = 'object' AND before <> after
                 WHEN 'set_room_state' THEN after IS NOT NULL AND before IS DISTINCT FROM after
                 WHEN 'create_account' THEN after = '\"active\"'
                 WHEN 'lock_account' THEN before = '\"active\"' AND after = '\"locked\"'
                 WHEN 'set_display_name' THEN after = '\"given\"'
                 WHEN 'set_avatar' THEN after = '\"given\"'
                 WHEN 'deactivate_account' THEN before = '\"active\"' AND after = '\"deactivated\"'
                 ELSE kind <> ALL ($1)
             END IS NOT TRUE",
        )
        .bind(Kind::ALL.map(Kind::as_str).to_vec())
        .fetch_all(&mut self.connect().await)
        .await
        .unwrap();
        assert!(mute.is_empty(), "{mute:#?}");
    }

    /// How many different changes of this kind were done, by the ledger.
    pub(crate) async fn ledger_done(&self, kind: &str) -> i64 {
        sqlx::query_scalar(
            "SELECT count(DISTINCT (user_id, room_id)) FROM provisioner.ledger WHERE kind = $1 AND outcome = 'done'",
        )
        .bind(kind)
        .fetch_one(&mut self.connect().await)
        .await
        .unwrap()
    }

    /// Whatever was late, the ledger has one end of each attempt.
    pub(crate) async fn no_attempt_ends_twice(&self) {
        let twice: Vec<(i64, i32, String)> = sqlx::query_as(
            "SELECT pass, seq, string_agg(kind || ' ' || outcome, ', ' ORDER BY id) FROM provisioner.ledger
             WHERE outcome <> 'started' GROUP BY pass, seq HAVING count(*) > 1",
        )
        .fetch_all(&mut self.connect().await)
        .await
        .unwrap();
        assert!(twice.is_empty(), "{twice:?}");
    }

    /// A person with an account who has joined `room` by invitation. A service that removes users who are not listed may take
    /// the invitation back before it is used: then they are invited again.
    pub(crate) async fn member(&self, room: &str, sub: &str) -> Person {
        let person = Person::login(&self.bed.synapse, sub).await.unwrap();
        let mut refused = None;
        for _ in 0..10 {
            self.admin.invite(room, &person.mxid).await.unwrap();
            refused = person.join(room).await.err();
            if refused.is_none() {
                break;
            }
        }
        assert!(refused.is_none(), "{} cannot join: {refused:?}", person.mxid);
        person
    }

    /// Requests that would change something on the homeserver.
    pub(crate) fn writes(&self) -> usize {
        // The ping at the start asks Synapse to call the service, and changes nothing.
        self.proxy.count(|request| request.method != "GET" && !request.is("POST", "/ping"))
    }

    /// Requests of this kind so far.
    pub(crate) fn joins(&self) -> usize {
        self.proxy.count(|request| request.is("POST", "/_synapse/admin/v1/join/"))
    }

    /// The sum of a metric over its labels; with labels given, of those series alone.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let answer = reqwest::get(format!("http://{}/metrics", self.admin_listen)).await.unwrap();
        let text = answer.text().await.unwrap();
        let series =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Joins that the service asked for, of these people in this room.
    pub(crate) fn joins_of(&self, room: &str, subs: &[String]) -> usize {
        let users: Vec<Value> = subs.iter().map(|sub| json!(self.mxid(sub))).collect();
        self.proxy.count(|request| {
            request.is("POST", &format!("/_synapse/admin/v1/join/{room}")) && users.contains(&request.body["user_id"])
        })
    }

    /// Waits until the service has sent nothing for five seconds, so that what follows is counted alone.
    pub(crate) async fn quiet(&self) {
        let (mut last, mut since) = (usize::MAX, Instant::now());
        wait_until("the service sends nothing", SOON, async || {
            let now = self.proxy.requests().len();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_secs(5)
        })
        .await
        .unwrap();
    }
}
