//! What journeys share: a stage with rooms, roster, proxy and service, and the questions asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use provisioner_policy::Kind;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testbed::{
    Admin, Bed, Hasura, NewRoom, Output, Person, Proxy, Service, ServiceSpec, Slot, Stand, SynapseVersion, free_port,
    shared, wait_until,
};

/// Longer than anything takes that is going to happen at all, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(120);

pub(crate) const HOOK_SECRET: &str = "a-secret-of-sixteen-or-more";

/// How a stage differs from the ordinary one.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `joins`, `removals` and `accounts` as given, all three.
    pub(crate) mode: &'static str,
    pub(crate) poll_interval: &'static str,
    pub(crate) resync_interval: &'static str,
    /// `settle` of `[guard]`: what takes something away does not wait, unless a journey is about that.
    pub(crate) settle: &'static str,
    /// TOML appended to `[guard]`.
    pub(crate) guard: String,
    /// The roster's query; the contract's default when left out.
    pub(crate) query: Option<String>,
    pub(crate) exempt: Vec<String>,
    pub(crate) notify: bool,
    /// The version of the rooms; Synapse's default when left out.
    pub(crate) room_version: Option<&'static str>,
    /// Further sections of the configuration, such as `[cognito]`.
    pub(crate) sections: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: "enforce",
            poll_interval: "1h",
            resync_interval: "1h",
            settle: "0s",
            guard: "free_removals = 50\nmax_removals = 50\nmax_fraction = 1.0".to_owned(),
            query: None,
            exempt: Vec::new(),
            notify: false,
            room_version: None,
            sections: String::new(),
        }
    }
}

/// Three rooms, a roster, and a service between a proxy and Synapse.
pub(crate) struct Stage {
    pub(crate) bed: Arc<Bed>,
    pub(crate) slot: Slot,
    pub(crate) admin: Admin,
    pub(crate) bot: Admin,
    pub(crate) hasura: Hasura,
    pub(crate) proxy: Proxy,
    pub(crate) database: String,
    /// everyone, `unlisted = keep`
    pub(crate) red: String,
    /// team staff, `unlisted = remove`
    pub(crate) staff: String,
    /// team analysts, `unlisted = remove`
    pub(crate) analysts: String,
    pub(crate) service: Service,
    pub(crate) admin_listen: String,
    settings: Settings,
}

impl Stage {
    /// Everything but the running service: rooms are there with the bot in them, and the roster is empty.
    pub(crate) async fn set(version: SynapseVersion, settings: Settings) -> Stage {
        Self::set_on(shared(version).await, settings).await
    }

    /// The same with rooms of version 12 where this Synapse has it, and of version 10 elsewhere: whose ids have no server
    /// part, and whose creator stands above all levels.
    pub(crate) async fn set_newest(version: SynapseVersion, settings: Settings) -> Stage {
        Self::set(version, Settings { room_version: Some(newest_room_version(version)), ..settings }).await
    }

    /// The same as [`Stage::set`] on a bed of one's own.
    pub(crate) async fn set_on(bed: Arc<Bed>, settings: Settings) -> Stage {
        let site = bed.site();
        let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
        let admin_listen = format!("127.0.0.1:{}", free_port().unwrap());
        let spec = ServiceSpec { binary, config: String::new(), env: vec![], admin: admin_listen.clone() };
        let service = Service::install(spec).unwrap();
        service.keep_the_door(&site.slot.listen()).unwrap();
        let Stand { admin, bot, rooms } = site.stand(&bed.synapse, settings.room_version).await.unwrap();
        let [red, staff, analysts] = rooms;
        let hasura = Hasura::create(&bed.postgres).await.unwrap();
        let proxy = Proxy::start(&bed.synapse.url()).await.unwrap();
        let name = format!("provisioner_{}", subject().replace('-', "_"));
        let database = bed.postgres.create_database(&name).await.unwrap();
        let mut stage = Stage {
            bed,
            slot: site.slot,
            admin,
            bot,
            hasura,
            proxy,
            database,
            red,
            staff,
            analysts,
            service,
            admin_listen,
            settings,
        };
        // The admin who made the rooms stays in them.
        stage.settings.exempt.push(stage.admin.mxid.clone());
        stage.service.set_config(&stage.config()).unwrap();
        stage
    }

    /// The configuration file of this stage.
    pub(crate) fn config(&self) -> String {
        let Settings { mode, poll_interval, resync_interval, settle, guard, query, exempt, notify, sections, .. } =
            &self.settings;
        let query = query.as_ref().map(|query| format!("query = '''{query}'''\n")).unwrap_or_default();
        let notify = if *notify { "notify_channel = \"team_members_changed\"\n" } else { "" };
        let (red, staff, analysts) = (&self.red, &self.staff, &self.analysts);
        format!(
            r#"environment = "test"
[homeserver]
url = "{proxy}"
server_name = "{server_name}"
[appservice]
registration = "{registration}"
listen = "{listen}"
linger = "0s"
[admin]
listen = "{admin}"
hook_secret = "{HOOK_SECRET}"
[database]
url = "{database}"
[roster]
url = "{roster}"
poll_interval = "{poll_interval}"
{query}{notify}
[mirror]
resync_interval = "{resync_interval}"
[modes]
accounts = "{mode}"
joins = "{mode}"
removals = "{mode}"
[guard]
settle = "{settle}"
{guard}
exempt = {exempt:?}
{sections}
[[rooms]]
key = "red-room"
id = "{red}"
members = ["everyone"]
federate = true
[[rooms]]
key = "staff"
id = "{staff}"
members = [{{ team = "staff" }}]
federate = true
[[rooms]]
key = "analysts"
id = "{analysts}"
members = [{{ team = "analysts" }}]
federate = true
"#,
            proxy = self.proxy.url(),
            server_name = self.bed.synapse.server_name(),
            registration = self.slot.registration.display(),
            listen = self.slot.listen(),
            admin = self.admin_listen,
            database = self.database,
            roster = self.hasura.url(),
        )
    }

    /// Changes the settings, for the next start or command.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.service.set_config(&self.config()).unwrap();
    }

    /// Edits the configuration file by hand, for the next start or command. The next [`Stage::change`] undoes it.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(String) -> String) {
        let config = edit(self.config());
        self.service.set_config(&config).unwrap();
    }

    /// Starts the service and waits until it is ready and its first pass is over.
    pub(crate) async fn start(&self) {
        self.start_ready().await;
        wait_until("its first pass ends", SOON, async || self.metric("provisioner_passes_total").await > 0.0)
            .await
            .unwrap();
    }

    /// The same where its first pass may take long, or is never made, because another replica reconciles.
    pub(crate) async fn start_ready(&self) {
        self.service.start_again().unwrap();
        self.service.wait_ready().await.unwrap();
    }

    /// Whether this is soon enough for what is to be done within `bound`. Other journeys use the same Synapse at the same time,
    /// so what it takes for the bare calls (an account that joins so many rooms) is not held against the service.
    pub(crate) async fn is_in_time(&self, took: Duration, bound: Duration, rooms: usize) -> bool {
        if took <= bound {
            return true;
        }
        let rooms: Vec<String> =
            try_join_all((0..rooms).map(|_| self.admin.create_room(NewRoom::default()))).await.unwrap();
        let (mxid, began) = (self.mxid(&subject()), Instant::now());
        self.admin.put_user(&mxid, json!({})).await.unwrap();
        try_join_all(rooms.iter().map(|room| self.admin.force_join(room, &mxid))).await.unwrap();
        took <= began.elapsed() + bound / 2
    }

    /// Starts the service with so many members of staff, and waits until they are in their rooms.
    pub(crate) async fn start_with_staff(&self, count: usize) -> Vec<String> {
        let people = subjects(count);
        for sub in &people {
            self.hasura.add(sub, "staff", "member").await.unwrap();
        }
        self.start().await;
        for sub in &people {
            self.until(&self.staff, sub, "join", SOON).await;
            self.until(&self.red, sub, "join", SOON).await;
        }
        people
    }

    pub(crate) fn mxid(&self, sub: &str) -> String {
        self.bed.synapse.mxid(sub)
    }

    /// Wakes the service as Hasura's event trigger does.
    pub(crate) async fn hook(&self) {
        let answer = reqwest::Client::new()
            .post(format!("http://{}/hooks/roster", self.admin_listen))
            .header("x-provisioner-secret", HOOK_SECRET)
            .json(&json!({"event": {"op": "INSERT"}}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }

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
        let mut events = self.admin.messages(room, 1000).await.unwrap();
        events.reverse();
        let of_user = |event: &&Value| event["type"] == "m.room.member" && event["state_key"] == user;
        events.iter().filter(of_user).map(|event| event["content"]["membership"].as_str().unwrap().to_owned()).collect()
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

    /// Every journey ends with it: planning again finds nothing to do.
    pub(crate) async fn nothing_left(&self) {
        let (_, plan) = self.plan().await;
        assert_eq!(plan["actions"], json!([]), "{plan:#}");
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

/// The newest of the two room versions that the service is shown on.
pub(crate) fn newest_room_version(version: SynapseVersion) -> &'static str {
    match version {
        SynapseVersion::V1_105 => "10",
        SynapseVersion::V1_163 => "12",
    }
}

/// A fresh subject, as Cognito makes them.
pub(crate) fn subject() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    format!("{process:08x}-{:04x}-4000-8000-{nanos:08x}{:04x}", number >> 16, number & 0xffff)
}

/// So many fresh subjects.
pub(crate) fn subjects(count: usize) -> Vec<String> {
    (0..count).map(|_| subject()).collect()
}
