//! Lost updates: somebody's edit of the power levels landed between our read and our write, and our write replaced it. The
//! ledger and the Staff room are told what was lost and whose it was; nothing is restored.
//!
//! What is not told of: two events made upon the same state, of which Synapse lets one stand. The room is read again then.

use std::time::{Duration, Instant};

use provisioner_policy::{Kind, LostEdit, Mode, POWER_LEVELS, RoomIx, World};
use serde_json::Value;
use tracing::warn;

use crate::reconcile::act::attempt::Written;
use crate::reconcile::act::journal::Report;
use crate::store::{LedgerEntry, LedgerOutcome};

/// How long the Staff room shows it as something to act on.
const SHOWN: Duration = Duration::from_secs(600);

/// What one write of ours lost of others'.
#[derive(Debug)]
pub(crate) struct LostUpdate {
    room: RoomIx,
    /// Our event.
    event_id: String,
    /// Who sent the event that ours replaced, where that is known.
    by: Option<String>,
    edits: Vec<LostEdit>,
    since: Instant,
    is_told: bool,
}

impl LostUpdate {
    /// What our write lost, by the content that it replaced and whose that was.
    pub(crate) fn of(
        world: &World,
        written: &Written,
        replaced: &Value,
        by: Option<String>,
        now: Instant,
    ) -> Option<Self> {
        if written.event_type != POWER_LEVELS {
            return None;
        }
        let edits = world.lost_edits(written.room, &written.made_from, replaced, &written.content);
        let event_id = written.event_id.clone();
        (!edits.is_empty()).then_some(Self { room: written.room, event_id, by, edits, since: now, is_told: false })
    }

    fn text(&self) -> String {
        let names: Vec<String> = self.edits.iter().map(LostEdit::name).collect();
        let by = self.by.as_deref().unwrap_or("somebody");
        format!("an edit of {by} in the moment of our own write was lost: {}; make it again", names.join(", "))
    }

    /// The key and the text of the alert, for as long as it is shown.
    pub(crate) fn alert(&self, world: &World) -> Option<(String, String)> {
        let room = self.room.key(world);
        let key = format!("lost update {room} {}", self.event_id);
        let text =
            format!("power levels of {room}: {} (`phenom-provisioner history --json` has the values)", self.text());
        (self.since.elapsed() < SHOWN).then_some((key, text))
    }

    fn report(&self, world: &World) -> Report {
        let values = |of: fn(&LostEdit) -> &Option<Value>| -> Value {
            let values = self.edits.iter().map(|edit| (edit.name(), of(edit).clone().unwrap_or_default()));
            values.collect::<serde_json::Map<_, _>>().into()
        };
        let entry = LedgerEntry {
            seq: 0,
            kind: Kind::SetPowerLevels.as_str(),
            user_id: None,
            room_id: Some(world.policy.rooms[self.room.index()].id.clone()),
            room_key: Some(self.room.key(world).to_owned()),
            before: values(|edit| &edit.theirs),
            after: values(|edit| &edit.ours),
            cause: self.text(),
            because: None,
            actor: None,
            mode: Mode::Enforce.as_str(),
            taken: 0,
        };
        Report { entry, outcome: LedgerOutcome::Failed, detail: format!("event {} overwrote it", self.event_id) }
    }
}

/// The ledger's lines for what was lost since this was asked last.
pub(crate) fn reports(lost: &mut Vec<LostUpdate>, world: &World, now: Instant) -> Vec<Report> {
    lost.retain(|one| now - one.since < SHOWN);
    let mut reports = Vec::new();
    for one in lost.iter_mut().filter(|one| !one.is_told) {
        one.is_told = true;
        warn!(room.key = one.room.key(world), event.id = one.event_id, "{}", one.text());
        reports.push(one.report(world));
    }
    reports
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reconcile::pushes::tests::world;

    #[test]
    fn what_our_write_lost_is_one_line_of_the_ledger_with_old_and_new_and_whose_it_was() {
        let ((world, room), now) = (world(), Instant::now());
        let (made_from, replaced) = (json!({"kick": 50}), json!({"kick": 40, "events": {"x": 7}}));
        let content = json!({"kick": 50, "users": {"@lead:a": 50}});
        let event_type = POWER_LEVELS;
        let written = Written { room, event_type, event_id: "$ours".to_owned(), content, made_from: made_from.clone() };
        let of = |replaced| LostUpdate::of(&world, &written, replaced, Some("@admin:a".to_owned()), now);
        assert!(of(&made_from).is_none(), "it replaced what we had read");
        let lost = of(&replaced).unwrap();
        let Report { entry, outcome, detail } = lost.report(&world);
        assert_eq!(
            (entry.before, entry.after),
            (json!({"events.x": 7, "kick": 40}), json!({"events.x": null, "kick": 50}))
        );
        let cause = "an edit of @admin:a in the moment of our own write was lost: events.x, kick; make it again";
        assert_eq!(
            (entry.cause.as_str(), outcome, detail.as_str()),
            (cause, LedgerOutcome::Failed, "event $ours overwrote it")
        );
        let (key, text) = lost.alert(&world).unwrap();
        assert_eq!(key, "lost update staff $ours");
        assert_eq!(
            text,
            format!("power levels of staff: {cause} (`phenom-provisioner history --json` has the values)")
        );
    }
}
