//! `doctor`: whether everything the service needs is there.

use super::CommandResult;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Piece, Reply, code, strong, text};
use crate::doctor::{self, Finding, FindingStatus};
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// What the doctor finds, and what the service itself knows to be wrong.
    pub(crate) async fn doctor(&self) -> CommandResult {
        let findings = doctor::together(doctor::examine(&self.staff.config).await);
        let query = |reconciler: &Reconciler| {
            let trouble = reconciler.homeserver_trouble().map(str::to_owned);
            trouble.into_iter().chain(reconciler.world().notices()).collect::<Vec<_>>()
        };
        let mut trouble = self.reconciler.query(Freshness::AsKnown, query).await?;
        // The doctor receives no message, and only a receive shows whether the key of a queue may be used.
        let not_received = self.reconciler.snapshot().queue.and_then(|queue| queue.not_received);
        trouble.extend(not_received.map(|why| format!("the queue cannot be read: {why}")));
        Ok(show(&findings, &trouble, |words| self.words(words)))
    }
}

/// Counts, then what is not right, each with its mend. What passes is only counted.
fn show(findings: &[Finding], trouble: &[String], words: impl Fn(&str) -> Vec<Piece>) -> Reply {
    let (lead, counts) = doctor::summary(findings);
    let is_well = findings.iter().all(|one| matches!(one.status, FindingStatus::Pass | FindingStatus::Skip));
    let lead = if is_well && !trouble.is_empty() { "There is trouble, see below." } else { &lead };
    let wrong = |status| findings.iter().filter(move |finding| finding.status == status);
    let lines = wrong(FindingStatus::Fail).chain(wrong(FindingStatus::Warn)).map(
        |Finding { check, status, text: what, mend }| {
            let word = if *status == FindingStatus::Fail { "fails" } else { "warns" };
            let mut line = vec![code(check), text(" "), strong(word), text(": ")];
            line.extend(words(what));
            if let Some(mend) = mend {
                line.push(text(" → "));
                line.extend(words(mend));
            }
            line
        },
    );
    let reply = Reply::line([strong(lead), text(format!(" {counts}"))]).and_list(lines);
    if trouble.is_empty() {
        return reply;
    }
    reply.and([text("The service itself says:")]).and_list(trouble.iter().map(|one| words(one)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::text::reply::marked;

    fn finding(check: &'static str, status: FindingStatus, what: &str, mend: Option<&str>) -> Finding {
        Finding { check, status, text: what.to_owned(), mend: mend.map(str::to_owned) }
    }

    #[test]
    fn what_is_wrong_comes_with_its_mend_and_what_passes_is_counted() {
        let findings = [
            finding("config", FindingStatus::Pass, "fine", None),
            finding("clock", FindingStatus::Warn, "is late", Some("set it")),
            finding("server_admin", FindingStatus::Fail, "the bot is no <admin>", Some("make it one")),
            finding("room", FindingStatus::Skip, "needs the token", None),
        ];
        let words = |words: &str| marked(words, |typed| format!("!p {typed}"));
        insta::assert_snapshot!(show(&findings, &["staff was replaced: `follow staff`".to_owned()], words).render().plain, @r"
        1 check fails, 1 check warns: begin with server_admin. 1 pass, 1 could not be looked at.
        - server_admin fails: the bot is no <admin> → make it one
        - clock warns: is late → set it
        The service itself says:
        - staff was replaced: !p follow staff
        ");
        assert_eq!(show(&findings[..1], &[], words).render().plain.trim_end(), "All is well. 1 of 1 checks pass.");
    }
}
