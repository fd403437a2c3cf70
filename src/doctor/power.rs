//! What the policy of a room needs the bot to be able to do there, whether somebody stands above the bot, and what protects
//! the room.

use provisioner_policy::{
    ABOVE_ALL, Creators, Levels, Mode, Modes, Need, POWER_LEVELS, RoomPolicy, Unlisted, needs, room_version,
};
use serde_json::Value;

use super::{Finding, protection};
use crate::homeserver::{CallError, Homeserver, StateEvent};

/// At most so many people are named.
const NAMED: usize = 10;

/// Whether the bot, which is in the room, lacks power for anything that the room's policy may ask for, in any mode.
pub async fn lacks_power(homeserver: &Homeserver, room: &RoomPolicy) -> Result<bool, CallError> {
    let Some(create) = homeserver.state_event(&room.id, "m.room.create").await? else {
        return Err(CallError::RoomUnknown);
    };
    let content = async |kind: &str| homeserver.state_content(&room.id, kind, "").await;
    let power = content(POWER_LEVELS).await?;
    let join_rule = super::room::join_rule(content("m.room.join_rules").await?.as_ref());
    let created = serde_json::from_str(create.content.get()).unwrap_or_default();
    // Levels that cannot be read let the bot do nothing.
    let Ok(levels) = read(&created, &create.sender, power.as_ref()) else { return Ok(true) };
    let level = levels.of(homeserver.user_id());
    Ok(needs(room, &Modes::default(), &levels, Some(&join_rule)).iter().any(|need| need.level > level))
}

/// The levels of a room, from the content of its create event, who sent that, and the content of its power levels.
fn read<'a>(created: &'a Value, creator: &'a str, power: Option<&'a Value>) -> Result<Levels<'a>, String> {
    Levels::read(power, Creators::of(room_version(created), created, creator))
}

/// Whether the bot has the power it needs, and nobody who matters has as much. `power` is the content of the power levels,
/// where there are any.
pub(super) fn examine(
    room: &RoomPolicy,
    modes: Modes,
    exempt: &[String],
    bot: &str,
    create: &StateEvent,
    power: Option<&Value>,
    join_rule: &str,
) -> Vec<Finding> {
    let created = serde_json::from_str(create.content.get()).unwrap_or_default();
    let levels = match read(&created, &create.sender, power) {
        Ok(levels) => levels,
        Err(why) => return vec![unreadable(room, &why)],
    };
    let level = levels.of(bot);
    let lacking: Vec<Need> =
        needs(room, &modes, &levels, Some(join_rule)).into_iter().filter(|need| need.level > level).collect();
    if !lacking.is_empty() {
        // Rivals are reported only once the bot has the power it needs.
        return vec![lack(room, level, &lacking)];
    }
    let above = levels.rivals(bot, exempt);
    let standing = match mode_towards_people(room, modes) {
        Some(mode) if !above.is_empty() => rivals(room, level, &above, mode),
        _ => Finding::pass("power", format!("{}: the bot has {}, and all it needs", room.key, shown(level))),
    };
    std::iter::once(standing).chain(protection::examine(room, modes, &levels)).collect()
}

fn unreadable(room: &RoomPolicy, why: &str) -> Finding {
    let text = format!("{}: its power levels cannot be read: {why}", room.key);
    Finding::fail("power", text, "set every level to a number, in a client")
}

fn lack(room: &RoomPolicy, level: i64, lacking: &[Need]) -> Finding {
    let needs: Vec<String> = lacking.iter().map(|need| format!("{} to {}", need.level, need.act)).collect();
    let text = format!("{}: the bot has {}, and needs {}", room.key, shown(level), needs.join(", "));
    let mend = "run `phenom-provisioner bootstrap`, which has the strongest member of this server share their power with \
                the bot, or give the bot level 100 in a client";
    let enforced = lacking.iter().any(|need| need.mode == Mode::Enforce);
    if enforced { Finding::fail("power", text, mend) } else { Finding::warn("power", text, mend) }
}

/// What the policy may want to do to people who have power: nothing, only counted, or done.
fn mode_towards_people(room: &RoomPolicy, modes: Modes) -> Option<Mode> {
    let removals = (room.unlisted == Unlisted::Remove).then_some(modes.removals);
    let power = (!room.power.is_empty()).then_some(modes.power_levels);
    removals.max(power)
}

fn rivals(room: &RoomPolicy, level: i64, above: &[(&str, i64)], mode: Mode) -> Finding {
    let mut names: Vec<String> =
        above.iter().take(NAMED).map(|(user, has)| format!("{user} ({})", shown(*has))).collect();
    if above.len() > NAMED {
        names.push(format!("and {} more", above.len() - NAMED));
    }
    let text = format!(
        "{}: the bot has {} and can neither lower nor remove those who have as much: {}",
        room.key,
        shown(level),
        names.join(", ")
    );
    let mend = if above.iter().any(|(_, has)| *has == ABOVE_ALL) {
        "put them into guard.exempt, or have the bot make the room anew (`phenom-provisioner bootstrap --create-rooms`): \
         nobody can take a creator's power"
    } else {
        "let them lower themselves in a client (room settings, roles), or put them into guard.exempt"
    };
    if mode == Mode::Enforce { Finding::fail("power", text, mend) } else { Finding::warn("power", text, mend) }
}

fn shown(level: i64) -> String {
    if level == ABOVE_ALL { "a creator's power".to_owned() } else { format!("level {level}") }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{PowerGrant, RoomSettings, Selector};
    use serde_json::{json, value::to_raw_value};

    use super::super::FindingStatus;
    use super::*;

    const BOT: &str = "@bot:x";

    fn room(unlisted: Unlisted, grants: &[i64]) -> RoomPolicy {
        RoomPolicy {
            unlisted,
            power: grants.iter().map(|level| PowerGrant { level: *level, grant: vec![Selector::Everyone] }).collect(),
            settings: RoomSettings { topic: Some("t".to_owned()), ..RoomSettings::default() },
            ..RoomPolicy::new("staff", "!staff:x", vec![Selector::Everyone])
        }
    }

    fn found(room: &RoomPolicy, modes: Modes, version: &str, users: Value) -> (FindingStatus, String) {
        let content = to_raw_value(&json!({ "room_version": version })).unwrap();
        let create = StateEvent { content, sender: "@maker:x".to_owned(), event_id: None, origin_server_ts: 0 };
        let power = json!({ "users": users, "invite": 30, "events": { "m.room.power_levels": 100 } });
        let exempt = ["@exempt:x".to_owned()];
        let finding = examine(room, modes, &exempt, BOT, &create, Some(&power), "invite").remove(0);
        (finding.status, finding.text)
    }

    const REMOVALS: Modes = Modes {
        accounts: Mode::Observe,
        joins: Mode::Observe,
        removals: Mode::Enforce,
        power_levels: Mode::Observe,
        room_state: Mode::Observe,
        server_admins: Mode::Observe,
        profiles: Mode::Observe,
    };

    #[test]
    fn what_the_bot_lacks_is_named_and_fails_only_where_it_is_enforced() {
        let room = room(Unlisted::Remove, &[50, 20]);
        let text = "staff: the bot has level 20, and needs 30 to join people, 50 to remove people, 100 to set power levels, 51 to \
                    grant level 50, 50 to set the topic";
        assert_eq!(found(&room, REMOVALS, "10", json!({ BOT: 20 })), (FindingStatus::Fail, text.to_owned()));
        assert_eq!(found(&room, Modes::default(), "10", json!({ BOT: 20 })).0, FindingStatus::Warn);
    }

    #[test]
    fn a_room_asks_only_for_what_its_policy_may_do() {
        let room = room(Unlisted::Keep, &[]);
        assert_eq!(found(&room, REMOVALS, "10", json!({ BOT: 50, "@other:x": 100 })).0, FindingStatus::Pass);
    }

    #[test]
    fn somebody_as_strong_as_the_bot_is_named_and_exempt_people_are_not() {
        let room = room(Unlisted::Remove, &[]);
        let both = json!({ BOT: 100, "@other:x": 100, "@exempt:x": 100 });
        let (status, text) = found(&room, REMOVALS, "10", both.clone());
        assert!(status == FindingStatus::Fail && text.ends_with("as much: @other:x (level 100)"), "{text}");
        assert_eq!(found(&room, Modes::default(), "10", both).0, FindingStatus::Warn);
    }

    #[test]
    fn a_creator_of_version_12_stands_above_a_bot_that_is_none_whatever_its_level() {
        let room = room(Unlisted::Remove, &[50]);
        let (status, text) = found(&room, REMOVALS, "12", json!({ BOT: 100 }));
        assert!(status == FindingStatus::Fail && text.ends_with("@maker:x (a creator's power)"), "{text}");
    }
}
