//! Synapse: reachable, new enough and the keeper of its own accounts, the bot's token, admin flag and devices, the way back to
//! this service, and the rooms.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;

use super::clock::Ahead;
use super::setup::Setup;
use super::{Finding, FindingStatus, PATIENCE, answers, devices, listener, misuse, pushes, room, staff};
use crate::homeserver::{Anonymous, CallError, Homeserver, Timeouts, UserEntry};

/// The oldest version that this program was tried with, production's.
const OLDEST: (u32, u32) = (1, 105);

/// A room takes two questions.
const ROOM_PATIENCE: Duration = PATIENCE.saturating_mul(2);

/// What was found, and what Synapse's clock said.
#[derive(Default)]
pub(super) struct SynapseExamined {
    pub(super) findings: Vec<Finding>,
    pub(super) clock: Option<Ahead>,
}

impl SynapseExamined {
    /// Reports the checks that depend on Synapse's answers as skipped, in the order in which they are told.
    fn without(mut self, what: &str) -> Self {
        let told: Vec<&str> = self.findings.iter().map(|finding| finding.check).collect();
        let dependent = ["homeserver", "token", "server_admin", "devices", "guests", "previews", "listener", "room"];
        let skipped = dependent.into_iter().filter(|check| !told.contains(check));
        let skipped: Vec<Finding> = skipped.map(|check| Finding::skip(check, format!("needs {what}"))).collect();
        self.findings.extend(skipped);
        self
    }
}

/// Looks at the Synapse of `homeserver.url`.
pub(super) async fn examine(setup: &Setup) -> SynapseExamined {
    let mut examined = SynapseExamined::default();
    let Some(registration) = &setup.registration else { return examined.without("the registration") };
    let timeouts = Timeouts { call: PATIENCE, bulk_read: PATIENCE };
    let (url, token) = (&setup.config.homeserver.url, registration.as_token.expose());
    let connected = Homeserver::connect(url, &setup.policy.bot, token, timeouts).await;
    let (homeserver, anonymous) = match connected.and_then(|homeserver| Ok((homeserver, Anonymous::at(url, PATIENCE)?)))
    {
        Ok(clients) => clients,
        Err(error) => {
            examined.findings.push(Finding::fail("homeserver", error.to_string(), "mend homeserver.url"));
            return examined.without("Synapse");
        }
    };
    let asked = SystemTime::now();
    let version = async { (homeserver.server_version_and_clock().await, SystemTime::now()) };
    // All at once: where Synapse hangs, the doctor waits one time limit and not five.
    let ((version, answered), delegated, whoami, account, devices, guest, previews, ping, rooms) = tokio::join!(
        version,
        anonymous.delegated_login(),
        homeserver.whoami(),
        homeserver.user(homeserver.user_id()),
        homeserver.own_devices(),
        homeserver.a_guest(),
        homeserver.previews_own_machine(),
        homeserver.ping_appservice(&registration.id, "doctor"),
        homeserver.joined_rooms()
    );
    let findings = &mut examined.findings;
    let now = match version {
        Ok((version, clock)) => {
            examined.clock = clock.map(|clock| Ahead::of(clock, asked, answered));
            findings.push(supported(&version));
            clock
        }
        Err(error) => {
            findings.push(answers::failed("homeserver", &error));
            return examined.without("Synapse");
        }
    };
    // Where it cannot be asked, what is asked with the token says more.
    if let Ok(Some(issuer)) = delegated {
        findings.push(mas(&issuer));
        return examined.without("a Synapse that keeps its accounts itself");
    }
    let token = accepted(whoami, homeserver.user_id());
    let works = token.status == FindingStatus::Pass;
    findings.push(token);
    if !works {
        return examined.without("a token that Synapse takes for the bot's");
    }
    let admin = server_admin(account);
    let is_admin = admin.status == FindingStatus::Pass;
    findings.push(admin);
    if is_admin {
        findings.push(devices::examine(homeserver.user_id(), devices));
        findings.push(misuse::guests(guest));
    } else {
        findings.extend(["devices", "guests"].map(|check| Finding::skip(check, "needs the bot to be a server admin")));
    }
    findings.push(misuse::previews(previews));
    let listener = listener::examine(ping, registration, setup.config.appservice.listen).await;
    // Where nobody listens, nothing can be pushed.
    let now = now.filter(|_| listener.status == FindingStatus::Pass);
    findings.push(listener);
    match rooms {
        Ok(rooms) => {
            let configured = &setup.config.rooms;
            let bot = room::Bot { homeserver: &homeserver, is_admin, rooms: &rooms, configured };
            let looks = setup.policy.rooms.iter().map(async |room| {
                let look = room::examine(&bot, &setup.policy, room);
                tokio::time::timeout(ROOM_PATIENCE, look).await.unwrap_or_else(|_| vec![late(&room.key)])
            });
            let staff = tokio::time::timeout(PATIENCE, staff::examine(&homeserver, setup, &rooms));
            let pushes = async {
                match now {
                    Some(now) => pushes::examine(&homeserver, setup, &rooms, now).await,
                    None => Vec::new(),
                }
            };
            let (looks, staff, pushes) = tokio::join!(join_all(looks), staff, pushes);
            findings.extend(pushes);
            findings.extend(looks.into_iter().flatten().chain(staff.ok().flatten()));
        }
        Err(error) => findings.push(answers::failed("room", &error)),
    }
    examined
}

fn supported(version: &str) -> Finding {
    const CHECK: &str = "homeserver";
    let (oldest_major, oldest_minor) = OLDEST;
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
        let text = format!("Synapse answers, and calls its version {version:?}, which says nothing here");
        return Finding::warn(CHECK, text, format!("be sure that it is {oldest_major}.{oldest_minor} or later"));
    };
    if (major, minor) < OLDEST {
        let mend = format!("upgrade Synapse to {oldest_major}.{oldest_minor} or later");
        return Finding::fail(CHECK, format!("Synapse is {version}, older than anything this was tried with"), mend);
    }
    Finding::pass(CHECK, format!("Synapse {version} answers"))
}

/// Accounts, logins and server admins are Matrix Authentication Service's there: a token of a registration reaches no admin
/// call, and Synapse makes no account.
fn mas(issuer: &str) -> Finding {
    Finding::fail(
        "mas",
        format!(
            "accounts and logins are left to Matrix Authentication Service ({issuer}), and this service does not support that: \
             with it the bot is no server admin, and Synapse makes, locks and joins nobody for us"
        ),
        "run this service with a Synapse that keeps its accounts itself: without matrix_authentication_service in \
         homeserver.yaml (in older ones experimental_features.msc3861). Accounts that syn2mas moved do not come back",
    )
}

/// Whether the token is that of the configured bot.
fn accepted(whoami: Result<String, CallError>, bot: &str) -> Finding {
    match whoami {
        Ok(user) if user == bot => Finding::pass("token", format!("the as_token is that of {bot}")),
        Ok(theirs) => answers::failed("token", &CallError::AnotherHomeserver { ours: bot.to_owned(), theirs }),
        Err(error) => answers::failed("token", &error),
    }
}

/// Only a server admin may read accounts, its own too.
fn server_admin(account: Result<Option<UserEntry>, CallError>) -> Finding {
    match account {
        Ok(Some(_)) => Finding::pass("server_admin", "the bot is a server admin"),
        Ok(None) => answers::failed("server_admin", &CallError::NotServerAdmin),
        Err(error) => answers::failed("server_admin", &error),
    }
}

fn late(key: &str) -> Finding {
    let text = format!("{key}: Synapse did not tell of the room within {ROOM_PATIENCE:?}");
    Finding::fail("room", text, "look at Synapse's load and log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synapse_older_than_production_fails_and_one_that_hides_its_version_is_warned_of() {
        let status = |version: &str| supported(version).status;
        assert_eq!(["1.105.1", "1.163.2rc1 (b=develop)", "2.0"].map(status), [FindingStatus::Pass; 3]);
        assert_eq!(["1.104.0", "0.99"].map(status), [FindingStatus::Fail; 2]);
        assert_eq!(["unknown", ""].map(status), [FindingStatus::Warn; 2]);
    }
}
