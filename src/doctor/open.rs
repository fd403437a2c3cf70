//! What of Synapse is open that should be shut, as somebody sees it who has no account: from here, and at
//! `homeserver.public_url` as clients do.
//!
//! What is open from outside fails. From here alone it is warned of, or only said where it does no harm inside: `bootstrap`
//! itself may need the admin API, and registration by shared secret.

use super::{Finding, PATIENCE, answers};
use crate::config::Config;
use crate::homeserver::{Anonymous, CallError};

const PUBLIC: &str = "public_url";
const REGISTRATION: &str = "sign_up";
const PASSWORDS: &str = "passwords";

/// Logins of people whose accounts are kept elsewhere: a password is one way more.
const KEPT_ELSEWHERE: [&str; 3] = ["org.matrix.login.jwt", "m.login.sso", "m.login.cas"];

/// Where somebody stands who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskedFrom {
    Inside,
    Outside,
}

/// Looks from both places, side by side.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let (inside, outside) = tokio::join!(
        everywhere(&config.homeserver.url, AskedFrom::Inside),
        outside(config.homeserver.public_url.as_deref())
    );
    // What is true at both places is said once, as it is seen from outside.
    let told: Vec<&'static str> = outside.iter().map(|finding| finding.check).collect();
    inside.into_iter().filter(|finding| !told.contains(&finding.check)).chain(outside).collect()
}

/// What is Synapse's own, whichever way leads there.
async fn everywhere(url: &str, from: AskedFrom) -> Vec<Finding> {
    let Ok(anonymous) = Anonymous::at(url, PATIENCE) else { return unseen() };
    let (registers, flows) = tokio::join!(anonymous.takes_registrations(), anonymous.login_flows());
    match (registers, flows) {
        (Ok(registers), Ok(Some(flows))) => {
            registers.map(|open| registration(open, from)).into_iter().chain([passwords(&flows, from)]).collect()
        }
        _ => unseen(),
    }
}

fn unseen() -> Vec<Finding> {
    [REGISTRATION, PASSWORDS].map(|check| Finding::skip(check, "needs Synapse")).into()
}

async fn outside(url: Option<&str>) -> Vec<Finding> {
    let Some(url) = url else {
        let text = "no homeserver.public_url is configured: what is open to clients was not looked at";
        return vec![Finding::pass(PUBLIC, text)];
    };
    let looked = async {
        let anonymous = Anonymous::at(url, PATIENCE).map_err(|error| error.to_string())?;
        let why = |error: CallError| answers::failed(PUBLIC, &error).text;
        // Whether a homeserver is there at all is known before anything else is asked.
        let here = anonymous.login_flows().await.map_err(why)?;
        if here.is_none() {
            return Err("what answers there is no homeserver".to_owned());
        }
        let (admin, metrics) =
            tokio::try_join!(anonymous.serves_admin_api(), anonymous.serves_metrics()).map_err(why)?;
        let secret = admin && anonymous.takes_shared_secret().await.map_err(why)?;
        Ok((admin, metrics, secret))
    };
    let (looked, mut found) = tokio::join!(looked, everywhere(url, AskedFrom::Outside));
    match looked {
        Ok((admin, metrics, secret)) => {
            found.extend(reached(url, admin, metrics, secret));
            found
        }
        Err(why) => vec![Finding::warn(
            PUBLIC,
            format!("what is open at {url} could not be looked at: {why}"),
            "mend homeserver.public_url; where this machine cannot reach it, run `phenom-provisioner doctor --config FILE` \
             with this file where clients are",
        )],
    }
}

/// What only Synapse's own network should reach.
fn reached(url: &str, admin: bool, metrics: bool, secret: bool) -> Vec<Finding> {
    let admin = admin.then(|| {
        Finding::fail(
            "admin_api",
            format!("everybody reaches Synapse's admin API at {url}: a stolen token of a server admin can do all from anywhere"),
            "let the public proxy answer 404 for /_synapse/admin (only /_matrix and /_synapse/client are for clients), and let \
             homeserver.url go past it",
        )
    });
    let secret = secret.then(|| {
        Finding::fail(
            "shared_secret",
            format!("anybody with registration_shared_secret makes server admins at {url}, from anywhere"),
            "the same line of the public proxy; and take registration_shared_secret out of homeserver.yaml, which nothing \
             needs once `phenom-provisioner bootstrap` is done",
        )
    });
    let metrics = metrics.then(|| {
        Finding::fail(
            "metrics",
            format!("everybody reads Synapse's metrics at {url}: who is active, and what Synapse runs on"),
            "let the public proxy answer 404 for /_synapse/metrics, or give metrics a listener of their own in homeserver.yaml \
             (listeners: type: metrics, bind_addresses: ['127.0.0.1'])",
        )
    });
    let found: Vec<Finding> = [admin, secret, metrics].into_iter().flatten().collect();
    match found.is_empty() {
        true => vec![Finding::pass(PUBLIC, format!("{url} leads neither to the admin API nor to metrics"))],
        false => found,
    }
}

fn registration(open: bool, from: AskedFrom) -> Finding {
    if !open {
        return Finding::pass(REGISTRATION, "nobody can register an account by themselves");
    }
    let text =
        "anybody may register an account (enable_registration): people come in that no source of this service names";
    let mend =
        "write enable_registration: false in homeserver.yaml, and restart Synapse; accounts come from the sources";
    match from {
        AskedFrom::Inside => Finding::warn(REGISTRATION, text, mend),
        AskedFrom::Outside => Finding::fail(REGISTRATION, text, mend),
    }
}

fn passwords(flows: &[String], from: AskedFrom) -> Finding {
    let has = |kind: &str| flows.iter().any(|flow| flow == kind);
    if !has("m.login.password") {
        return Finding::pass(PASSWORDS, "nobody logs in by a password of Synapse's");
    }
    let Some(other) = KEPT_ELSEWHERE.into_iter().find(|kind| has(kind)) else {
        return Finding::pass(PASSWORDS, "people log in by password, and in no other way");
    };
    let text = format!(
        "people log in by {other}, and by a password of Synapse's as well: an account that has one gets in past the accounts \
         kept elsewhere, also when they are closed"
    );
    match from {
        AskedFrom::Inside => Finding::pass(PASSWORDS, text),
        AskedFrom::Outside => Finding::warn(
            PASSWORDS,
            text,
            "write password_config: {enabled: false} in homeserver.yaml, and restart Synapse",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FindingStatus;
    use super::*;

    fn status(flows: &[&str], from: AskedFrom) -> FindingStatus {
        passwords(&flows.iter().map(|flow| (*flow).to_owned()).collect::<Vec<_>>(), from).status
    }

    #[test]
    fn a_password_is_warned_of_beside_another_way_in_and_from_outside_alone() {
        let jwt = ["org.matrix.login.jwt", "m.login.password", "m.login.application_service"];
        assert_eq!(status(&jwt, AskedFrom::Outside), FindingStatus::Warn);
        assert_eq!(status(&jwt, AskedFrom::Inside), FindingStatus::Pass);
        assert_eq!(status(&["m.login.password"], AskedFrom::Outside), FindingStatus::Pass, "it is how they log in");
        assert_eq!(status(&jwt[..1], AskedFrom::Outside), FindingStatus::Pass);
    }

    #[test]
    fn what_is_open_fails_from_outside_and_is_warned_of_inside() {
        assert_eq!(registration(true, AskedFrom::Outside).status, FindingStatus::Fail);
        assert_eq!(registration(true, AskedFrom::Inside).status, FindingStatus::Warn);
        assert_eq!(registration(false, AskedFrom::Outside).status, FindingStatus::Pass);
    }
}
