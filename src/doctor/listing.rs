//! The listing of the whole pool: the only way to learn of disabled and deleted users, so how old the last one is matters.

use std::time::Duration;

use provisioner_policy::how_many;
use sqlx::PgConnection;

use super::{Finding, tables};
use crate::config::{CognitoSection, Config};

const CHECK: &str = "listing";

/// What the database knows of listings.
#[derive(sqlx::FromRow)]
struct KnownListing {
    /// Age in seconds of the last whole listing, and how many users it had.
    age: Option<i64>,
    users: Option<i64>,
    /// The trouble of the newest listing, if that is not whole.
    trouble: Option<String>,
}

/// Looks into the database, which is migrated; nothing without a pool.
pub(super) async fn examine(connection: &mut PgConnection, config: &Config) -> sqlx::Result<Option<Finding>> {
    let Some(cognito) = &config.cognito else { return Ok(None) };
    if !tables::has(connection, "listings").await? {
        return Ok(None);
    }
    let known = sqlx::query_as::<_, KnownListing>(
        "SELECT whole.age, whole.users, newest.trouble
         FROM (SELECT 1) AS one
         LEFT JOIN (SELECT extract(epoch FROM clock_timestamp() - completed_at)::bigint AS age, users
                    FROM provisioner.listings WHERE completed_at IS NOT NULL ORDER BY id DESC LIMIT 1) AS whole ON true
         LEFT JOIN (SELECT CASE WHEN completed_at IS NULL THEN trouble END AS trouble
                    FROM provisioner.listings WHERE abandoned_at IS NULL ORDER BY id DESC LIMIT 1) AS newest ON true",
    );
    Ok(Some(judge(&known.fetch_one(connection).await?, cognito)))
}

/// The database could not be asked.
pub(super) fn skipped(config: &Config) -> Option<Finding> {
    config.cognito.is_some().then(|| Finding::skip(CHECK, "needs the database, migrated"))
}

fn judge(known: &KnownListing, cognito: &CognitoSection) -> Finding {
    let stumbles = known.trouble.as_ref().map(|trouble| format!("; the newest one stumbles: {trouble}"));
    let stumbles = stumbles.unwrap_or_default();
    let Some(age) = known.age.and_then(|age| u64::try_from(age.max(0)).ok()).map(Duration::from_secs) else {
        return Finding::warn(
            CHECK,
            format!("the pool was never listed whole{stumbles}"),
            "`phenom-provisioner run` lists it at the start, and `phenom-provisioner backfill` at once, with progress",
        );
    };
    let users = how_many(known.users.unwrap_or_default(), "user", "users");
    let text = format!("the pool was last listed whole {} ago, {users}", ago(age));
    if age > cognito.listing_lasts() {
        let text = format!("{text}, and should be every {}{stumbles}", ago(cognito.listing_interval));
        let mend = "is `phenom-provisioner run` running? If it is, its log says what the listing waits for";
        return Finding::warn(CHECK, text, mend);
    }
    Finding::pass(CHECK, format!("{text}{stumbles}"))
}

fn ago(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Offboarding;

    use super::super::FindingStatus;
    use super::*;

    fn judged(age: Option<i64>, trouble: Option<&str>) -> (FindingStatus, String) {
        let cognito = CognitoSection {
            region: "us-east-1".to_owned(),
            user_pool_id: "us-east-1_x".to_owned(),
            listing_interval: Duration::from_secs(6 * 3600),
            endpoint_url: None,
            offboarding: Offboarding::default(),
        };
        let known = KnownListing { age, users: age.map(|_| 7), trouble: trouble.map(str::to_owned) };
        let finding = judge(&known, &cognito);
        (finding.status, finding.text)
    }

    #[test]
    fn a_listing_is_late_after_two_intervals_and_says_what_it_stumbles_over() {
        let text = "the pool was last listed whole 11 h ago, 7 users";
        assert_eq!(judged(Some(11 * 3600), None), (FindingStatus::Pass, text.to_owned()));
        let text = "the pool was last listed whole 3 days ago, 7 users, and should be every 6 h; the newest one stumbles: slow";
        assert_eq!(judged(Some(3 * 86_400), Some("slow")), (FindingStatus::Warn, text.to_owned()));
        assert_eq!(judged(None, None), (FindingStatus::Warn, "the pool was never listed whole".to_owned()));
    }
}
