//! Alerts: one message for each [`Condition`] that lasts and that a person must act on. It is edited while the condition lasts,
//! and closed when it is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::Policy;
use sha2::{Digest, Sha256};

use crate::commands::posts::message;
use crate::commands::posts::send::{OutgoingEdit, OutgoingEvent};
use crate::commands::room::desk::Desk;
use crate::commands::room::encryption;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::homeserver::CallError;
use crate::reconcile::{Condition, Configured, over};
use crate::store::AlertRow;

/// One change to the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AlertChange {
    /// Send a new alert, or one that was noted and not sent.
    Raise {
        key: String,
        text: String,
    },
    /// The same condition has other words.
    Update {
        key: String,
        text: String,
    },
    Close {
        key: String,
    },
}

/// Since when each condition lasts. A restart forgets it; an alert that was raised stays raised.
#[derive(Debug, Default)]
pub(crate) struct AlertTimers(BTreeMap<String, Instant>);

impl AlertTimers {
    /// Notes what lasts at `now`. Returns the conditions that have lasted for their patience, and in how long the next one will
    /// have.
    fn note<'a>(&mut self, current: &'a [Condition], now: Instant) -> (Vec<&'a Condition>, Option<Duration>) {
        self.0.retain(|key, _| current.iter().any(|condition| condition.key == *key));
        let (mut due, mut next) = (Vec::new(), None::<Duration>);
        for condition in current {
            let since = *self.0.entry(condition.key.clone()).or_insert(now);
            match condition.patience.checked_sub(now - since).filter(|wait| !wait.is_zero()) {
                None => due.push(condition),
                Some(wait) => next = Some(next.map_or(wait, |next| next.min(wait))),
            }
        }
        (due, next)
    }
}

/// The changes from the alerts that were raised to those that should be. Conditions in `due` have lasted for their patience.
/// Another one of `current` keeps its alert if it has one, and so does an `unknown` one, which may be over or not.
fn alert_changes(
    raised: &[AlertRow],
    due: &[&Condition],
    current: &[Condition],
    unknown: &[String],
) -> Vec<AlertChange> {
    let lasts = |alert: &AlertRow| current.iter().any(|condition| condition.key == alert.key);
    let mut changes: Vec<AlertChange> = raised
        .iter()
        .filter(|alert| !lasts(alert) && !is_unknown(unknown, &alert.key))
        .map(|alert| AlertChange::Close { key: alert.key.clone() })
        .collect();
    for condition in current {
        let (key, text) = (condition.key.clone(), condition.text.clone());
        match raised.iter().find(|alert| alert.key == key) {
            Some(AlertRow { event_id: None, .. }) => changes.push(AlertChange::Raise { key, text }),
            Some(alert) if !alert.says(&text) => changes.push(AlertChange::Update { key, text }),
            None if due.contains(&condition) => changes.push(AlertChange::Raise { key, text }),
            Some(_) | None => {}
        }
    }
    changes
}

/// Whether nobody can say if the condition with this key lasts. An unknown key that ends with a space stands for all that begin
/// so.
fn is_unknown(unknown: &[String], key: &str) -> bool {
    unknown.iter().any(|one| one == key || one.ends_with(' ') && key.starts_with(one.as_str()))
}

impl Desk {
    /// Brings the alerts up to date with the conditions that last; `unknown` ones may or may not. Returns in how long to look
    /// again, where a condition becomes an alert by lasting. What Synapse fails to take is sent again at the next look.
    pub(crate) async fn keep_alerts(
        &self,
        current: &[Condition],
        unknown: &[String],
        lasting: &mut AlertTimers,
    ) -> Result<Option<Duration>> {
        let here = &self.staff.room_id;
        let (due, next) = lasting.note(current, Instant::now());
        let raised = self.store.alerts().await.context("read the alerts")?;
        let raised = self.bring_alerts_along(raised, current).await?;
        for change in alert_changes(&raised, &due, current, unknown) {
            match change {
                AlertChange::Raise { key, text: words } => {
                    let perhaps_sent = raised.iter().any(|row| row.key == key);
                    let row = self.store.set_alert(&key, &words, here).await.context("note an alert")?;
                    let content = &message::notice(&self.render(&self.alert(&key, &words)).await);
                    let (kind, transaction_id) = ("m.room.message", &transaction(&row, "raise"));
                    let event = OutgoingEvent { room_id: here, kind, transaction_id, content, perhaps_sent };
                    let event_id = self.send(event).await?;
                    self.store.note_alert_sent(&key, &event_id).await.context("note that an alert was sent")?;
                }
                AlertChange::Update { key, text: words } => {
                    let Some(row) = raised.iter().find(|row| row.key == key) else { continue };
                    // Other words under the same number are another edit: it may have been sent, and not noted.
                    let edit = format!("edit {} {words}", row.edits + 1);
                    if self.edit_alert(row, &edit, &self.alert(&key, &words)).await {
                        self.store.set_alert(&key, &words, here).await.context("note an alert's new words")?;
                    }
                }
                AlertChange::Close { key } => {
                    let Some(row) = raised.iter().find(|row| row.key == key) else { continue };
                    let reply = Reply::line([
                        strong("Over: "),
                        text(over_words(row, &self.staff.policy, self.staff.configured)),
                    ]);
                    if self.edit_alert(row, &format!("over {}", row.edits), &reply).await {
                        self.store.remove_alert(&key).await.context("forget an alert")?;
                    }
                }
            }
        }
        Ok(next)
    }

    /// An alert as it is shown, its commands with the prefix as they are typed in the room.
    fn alert(&self, key: &str, words: &str) -> Reply {
        let reply = Reply::default().and_pieces([vec![strong("⚠️ ")], self.words(words)].concat());
        if key != format!("tombstone {}", self.staff.key) {
            return reply;
        }
        reply.and([
            text("If nobody can write here any more (that takes level 50), on the command line: "),
            code(format!("phenom-provisioner follow {}", self.staff.key)),
        ])
    }

    /// After a follow: an alert that lasts is raised again in the new Staff room.
    async fn bring_alerts_along(&self, mut raised: Vec<AlertRow>, current: &[Condition]) -> Result<Vec<AlertRow>> {
        let here = &self.staff.room_id;
        for row in &mut raised {
            if row.room_id == *here || !current.iter().any(|condition| condition.key == row.key) {
                continue;
            }
            let lead = strong("Told in the new room from now on: ");
            let reply = Reply::default().and_pieces([vec![lead], self.words(&row.text)].concat());
            // A room that was left, and may be broken, keeps no alert from the new one.
            self.edit_alert(row, "moved", &reply).await;
            self.store.move_alert(&row.key, here).await.context("move an alert to the new room")?;
            (row.room_id, row.event_id) = (here.clone(), None);
        }
        Ok(raised)
    }

    /// Says whether that is settled: Synapse took the edit, or refuses it for good, or the room was left. Otherwise it is to be
    /// tried again.
    async fn edit_alert(&self, row: &AlertRow, event: &str, reply: &Reply) -> bool {
        let Some(event_id) = &row.event_id else { return true };
        let (room_id, transaction_id) = (&row.room_id, &transaction(row, event));
        let edit = OutgoingEdit { room_id, event_id, transaction_id, reply, perhaps_sent: false, tells: None };
        let fails = matches!(self.edit(edit).await, Err(CallError::ServerError { .. }));
        !fails || *room_id != self.staff.room_id
    }
}

/// What is so again. Of an alert by another release, whose key is not known, what it began with.
fn over_words(row: &AlertRow, policy: &Policy, configured: Configured) -> String {
    let told = match row.key.as_str() {
        encryption::KEY => Some("the Staff room is not encrypted".to_owned()),
        key => over(key, policy, configured),
    };
    told.unwrap_or_else(|| row.text.split([':', ';']).next().unwrap_or_default().to_owned())
}

/// The transaction id of an event about an alert: the same for the same event, also after a restart of another release, so
/// that nothing is sent twice.
fn transaction(row: &AlertRow, event: &str) -> String {
    let digest = Sha256::new().chain_update(format!("{}\n{}\n{event}", row.key, row.raised_ms)).finalize();
    format!("alert-{}", hex::encode(&digest[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(key: &str, text: &str, patience: u64) -> Condition {
        Condition { key: key.to_owned(), text: text.to_owned(), patience: Duration::from_secs(patience) }
    }

    fn row(key: &str, text: &str) -> AlertRow {
        let [key, text, room_id] = [key, text, "!here"].map(str::to_owned);
        AlertRow { key, text, room_id, event_id: Some("$it".to_owned()), raised_ms: 1, edits: 0 }
    }

    fn raise(key: &str, text: &str) -> AlertChange {
        AlertChange::Raise { key: key.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_alert_is_raised_once_edited_while_it_lasts_and_closed() {
        let lasts = [condition("room staff", "the bot is out", 0)];
        let due: Vec<_> = lasts.iter().collect();
        assert_eq!(alert_changes(&[], &due, &lasts, &[]), [raise("room staff", "the bot is out")]);
        assert_eq!(alert_changes(&[row("room staff", "the bot is out")], &due, &lasts, &[]), []);
        assert_eq!(
            alert_changes(&[row("room staff", "it was otherwise")], &due, &lasts, &[]),
            [AlertChange::Update { key: "room staff".to_owned(), text: "the bot is out".to_owned() }]
        );
        assert_eq!(
            alert_changes(&[row("room staff", "the bot is out")], &[], &[], &[]),
            [AlertChange::Close { key: "room staff".to_owned() }]
        );
    }

    #[test]
    fn words_that_the_database_cannot_keep_as_they_are_are_told_once() {
        let lasts = [condition("tombstone staff", "it names a\0b", 0)];
        let due: Vec<_> = lasts.iter().collect();
        assert_eq!(alert_changes(&[row("tombstone staff", "it names a\u{fffd}b")], &due, &lasts, &[]), []);
    }

    #[test]
    fn an_alert_that_is_over_tells_nobody_what_to_do() {
        let told = "the roster cannot be read: let this service reach it";
        let all = Configured { roster: true, pool: true, queue: true, events: true };
        let over_words = |key: &str, text: &str| super::over_words(&row(key, text), &Policy::default(), all);
        assert_eq!(over_words("source the roster", told), "the roster can be read again");
        assert_eq!(over_words(encryption::KEY, "this room"), "the Staff room is not encrypted");
        assert_eq!(over_words("of another release", told), "the roster cannot be read");
    }

    #[test]
    fn what_was_raised_and_not_sent_is_sent() {
        let lasts = [condition("room staff", "out", 0)];
        let unsent = AlertRow { event_id: None, ..row("room staff", "out") };
        assert_eq!(alert_changes(&[unsent], &[], &lasts, &[]), [raise("room staff", "out")]);
    }

    #[test]
    fn a_short_failure_of_a_source_is_no_alert_and_a_long_one_is() {
        let (mut lasting, now) = (AlertTimers::default(), Instant::now());
        let lasts = [condition("source roster", "it is gone", 900)];
        let (due, next) = lasting.note(&lasts, now);
        assert_eq!((due.len(), next), (0, Some(Duration::from_secs(900))));
        assert_eq!(lasting.note(&[], now + Duration::from_secs(600)).1, None, "it was over");
        lasting.note(&lasts, now + Duration::from_secs(600));
        assert_eq!(lasting.note(&lasts, now + Duration::from_secs(1000)).0.len(), 0, "and began anew");
        let (due, _) = lasting.note(&lasts, now + Duration::from_secs(1500));
        assert_eq!(alert_changes(&[], &due, &lasts, &[]), [raise("source roster", "it is gone")]);
    }

    #[test]
    fn a_restart_closes_no_alert_that_still_lasts() {
        let lasts = [condition("source roster", "it is gone", 900)];
        assert_eq!(alert_changes(&[row("source roster", "it is gone")], &[], &lasts, &[]), []);
    }

    #[test]
    fn what_nobody_can_say_of_is_neither_over_nor_new() {
        let told = [row("dead letters", "1 message"), row("room staff", "out")];
        assert_eq!(
            alert_changes(&told, &[], &[], &["dead letters".to_owned()]),
            [AlertChange::Close { key: "room staff".to_owned() }]
        );
        assert_eq!(alert_changes(&[], &[], &[], &["dead letters".to_owned()]), []);
        let told = [row("folded @a:a", "two subjects"), row("folder", "another")];
        assert_eq!(
            alert_changes(&told, &[], &[], &["folded ".to_owned()]),
            [AlertChange::Close { key: "folder".to_owned() }]
        );
    }

    #[test]
    fn a_transaction_id_is_the_same_in_every_release() {
        assert_eq!(transaction(&row("room staff", "out"), "raise"), "alert-aa38a6a5174d49f7");
        assert_ne!(transaction(&row("room staff", "out"), "edit 1"), transaction(&row("room staff", "out"), "edit 2"));
    }
}
