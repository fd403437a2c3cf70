//! The user pool: whether it is there and may be read, and whether it has the groups that selectors name.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use provisioner_policy::Policy;
use tokio::time::{Instant, timeout_at};

use super::aws::{self, BOUND};
use super::selectors::words;
use super::{Finding, FindingStatus, PATIENCE};
use crate::config::{CognitoSection, Config};
use crate::sources::{Directory, DirectoryError, PoolPage};

const CHECK: &str = "pool";
const GROUPS: &str = "groups";

/// For the groups too, which are asked for at the pool's pace.
const BOUND_WITH_GROUPS: Duration = Duration::from_secs(3 * PATIENCE.as_secs());

/// Reads the first page of the pool and of each group.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let Some(cognito) = &config.cognito else {
        let text = "no [cognito] is configured: accounts are those that the queue and the roster name";
        return vec![Finding::pass(CHECK, text)];
    };
    let begun = Instant::now();
    let policy = config.policy_of_all_rooms("");
    let groups = groups(&policy);
    let directory = Directory::connect(&cognito.region, &cognito.user_pool_id, cognito.endpoint_url.as_deref()).await;
    let pool = format!("the user pool {}", cognito.user_pool_id);
    let page = match timeout_at(begun + BOUND, directory.page(None)).await {
        Ok(Ok(page)) => page,
        Ok(Err(error)) => return alone(failed(CHECK, &error, cognito), &groups),
        Err(_) => return alone(silent(CHECK, &pool, cognito, BOUND), &groups),
    };
    let mut findings = vec![if is_empty(&page) {
        let mend = "nothing to do if nobody signed up yet; else mend cognito.user_pool_id";
        Finding::warn(CHECK, format!("{pool} answers, and nobody is in it"), mend)
    } else {
        Finding::pass(CHECK, format!("{pool} answers"))
    }];
    if groups.is_empty() {
        return findings;
    }
    let asked = groups.iter().map(async |(group, places)| {
        let name = format!("{}: group {group:?}", places.join(", "));
        match timeout_at(begun + BOUND_WITH_GROUPS, directory.group_page(group, None)).await {
            Ok(Ok(page)) if !is_empty(&page) => None,
            Ok(Ok(_)) => Some(Finding::warn(
                GROUPS,
                format!("{name} has nobody in it"),
                "put somebody into the group, or correct the selector; until then the guard holds removals",
            )),
            Ok(Err(DirectoryError::NoSuchGroup { .. })) => Some(Finding::fail(
                GROUPS,
                format!("{name} does not exist in the user pool"),
                "create the group in the pool, or correct the selector",
            )),
            Ok(Err(error)) => Some(failed(GROUPS, &error, cognito)),
            Err(_) => Some(silent(GROUPS, &name, cognito, BOUND_WITH_GROUPS)),
        }
    });
    let mut wrong: Vec<Finding> = join_all(asked).await.into_iter().flatten().collect();
    // One trouble of the pool's is the same for every group.
    wrong.dedup();
    if wrong.is_empty() {
        wrong.push(Finding::pass(GROUPS, "every group that the file names is in the pool, with somebody in it"));
    }
    findings.extend(wrong);
    findings
}

/// The groups that selectors name, each with where.
fn groups(policy: &Policy) -> BTreeMap<&str, Vec<String>> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (place, selector) in policy.selectors() {
        if let Some(group) = selector.group() {
            groups.entry(group).or_default().push(words(policy, place));
        }
    }
    groups
}

fn is_empty(page: &PoolPage) -> bool {
    page.users.is_empty() && page.unreadable == 0 && page.next.is_none()
}

/// What is wrong with the pool, and that its groups wait for it.
fn alone(finding: Finding, groups: &BTreeMap<&str, Vec<String>>) -> Vec<Finding> {
    let skipped = (!groups.is_empty()).then(|| Finding::skip(GROUPS, "needs the user pool"));
    [finding].into_iter().chain(skipped).collect()
}

fn silent(check: &'static str, what: &str, cognito: &CognitoSection, bound: Duration) -> Finding {
    Finding::fail(check, format!("{what}: no answer within {bound:?}"), way_to(cognito))
}

fn way_to(cognito: &CognitoSection) -> String {
    aws::way_to("Cognito", "cognito", cognito.endpoint_url.as_deref())
}

fn failed(check: &'static str, error: &DirectoryError, cognito: &CognitoSection) -> Finding {
    let found = Finding::of(check, error);
    match error {
        DirectoryError::Unreachable(_) => found.mended_by(way_to(cognito)),
        DirectoryError::Throttled { .. } => Finding { status: FindingStatus::Warn, ..found },
        _ if found.mend.is_none() => {
            found.mended_by("mend cognito.user_pool_id and cognito.endpoint_url; the code in the text says why")
        }
        _ => found,
    }
}
