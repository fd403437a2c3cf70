//! The configuration file of the demo's service, as an operator would write it.

use testbed::{Postgres, Slot, Synapse};

use super::cast::EXEMPT;
use super::cloud::{self, Cloud};
use super::rooms::Room;

/// What the file needs to know.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) synapse: &'a Synapse,
    pub(crate) postgres: &'a Postgres,
    pub(crate) slot: &'a Slot,
    pub(crate) roster: &'a str,
    pub(crate) cloud: &'a Cloud,
    pub(crate) rooms: &'a [String; 4],
    pub(crate) admin: &'a str,
    pub(crate) hook_secret: &'a str,
}

/// The service's own database.
pub(crate) const DATABASE: &str = "provisioner";

/// The text of the file.
pub(crate) fn text(facts: &Facts<'_>) -> String {
    let Facts { synapse, postgres, slot, roster, cloud, rooms, admin, hook_secret } = facts;
    let mut text = format!(
        r#"environment = "{environment}"

[homeserver]
url = "{url}"
server_name = "{server}"

[appservice]
registration = "{registration}"
listen = "{listen}"

[admin]
listen = "{admin}"
hook_secret = "{hook_secret}"

[database]
url = "{database}"

[roster]
url = "{roster}"
poll_interval = "30s"
notify_channel = "team_members_changed"

{aws}
[modes]
accounts = "enforce"
joins = "enforce"
removals = "enforce"

[commands]
room = "staff"
allow = [{{ team = "staff", role = "lead" }}]

[guard]
exempt = ["{exempt}"]
"#,
        url = synapse.url(),
        server = synapse.server_name(),
        registration = slot.registration.display(),
        listen = slot.listen(),
        database = postgres.url(DATABASE),
        environment = cloud::ENVIRONMENT,
        aws = cloud.aws.sections(),
        exempt = synapse.mxid(EXEMPT),
    );
    for room in Room::ALL {
        text.push_str(&format!(
            "\n[[rooms]]\nkey = \"{}\"\nid = \"{}\"\nmembers = {}\n",
            room.key(),
            rooms[room.index()],
            room.members()
        ));
    }
    text
}
