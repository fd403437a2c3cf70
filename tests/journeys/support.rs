//! What journeys share: a stage with rooms, roster, proxy and service, and the questions asked of it (`questions`).

mod questions;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use testbed::{
    Admin, Bed, Hasura, NewRoom, Proxy, Service, ServiceSpec, Slot, Stand, SynapseVersion, free_port, shared,
    wait_until,
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
