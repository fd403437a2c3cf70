//! What the policy of a room needs the bot to be able to do there, and whether somebody stands above the bot.

use provisioner_policy::{Mode, Modes, RoomPolicy, Unlisted};

use super::Finding;
use super::levels::{ABOVE_ALL, Levels};
use crate::homeserver::{CallError, Homeserver};

/// Of many people so many are named.
const NAMED: usize = 10;

/// A level that the bot must have.
struct Need {
    level: i64,
    to: String,
    /// Of the class that needs it.
    mode: Mode,
}

/// Whether the bot, which is in the room, could not do there all that the room's policy may ask for, in any mode.
pub async fn lacks_power(homeserver: &Homeserver, room: &RoomPolicy) -> Result<bool, CallError> {
    let Some(create) = homeserver.state_event(&room.id, "m.room.create", "").await? else {
        return Err(CallError::RoomUnknown);
    };
    let content = async |kind: &str| homeserver.state_content(&room.id, kind, "").await;
    let levels = Levels::read(&create, content("m.room.power_levels").await?);
    let join_rule = super::room::join_rule(content("m.room.join_rules").await?.as_ref());
    let level = levels.of(homeserver.user_id());
    Ok(needs(room, Modes::default(), &levels, &join_rule).iter().any(|need| need.level > level))
}

/// Whether the bot has the power it needs, and nobody who matters has as much.
pub(super) fn examine(
    room: &RoomPolicy,
    modes: Modes,
    exempt: &[String],
    bot: &str,
    levels: &Levels,
    join_rule: &str,
) -> Vec<Finding> {
    let level = levels.of(bot);
    let lacking: Vec<Need> =
        needs(room, modes, levels, join_rule).into_iter().filter(|need| need.level > level).collect();
    if !lacking.is_empty() {
        // Who stands above the bot is told once it stands where it should.
        return vec![lack(room, level, &lacking)];
    }
    let above = levels.at_least(level).filter(|(user, _)| *user != bot && !exempt.iter().any(|exempt| exempt == user));
    let above: Vec<(&str, i64)> = above.collect();
    match mode_towards_people(room, modes) {
        Some(mode) if !above.is_empty() => vec![rivals(room, level, &above, mode)],
        _ => vec![Finding::pass("power", format!("{}: the bot has {}, and all it needs", room.key, shown(level)))],
    }
}

fn needs(room: &RoomPolicy, modes: Modes, levels: &Levels, join_rule: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |level: i64, to: String, mode: Mode| needs.push(Need { level, to, mode });
    if join_rule != "public" {
        need(levels.to_invite(), "join people".to_owned(), modes.joins);
    }
    if room.unlisted == Unlisted::Remove {
        need(levels.to_kick(), "remove people".to_owned(), modes.removals);
    }
    if let Some(highest) = room.power.iter().map(|power| power.level).max() {
        need(levels.to_set("m.room.power_levels"), "set power levels".to_owned(), modes.power_levels);
        need(highest.saturating_add(1), format!("grant level {highest}"), modes.power_levels);
    }
    let settings = &room.settings;
    for (given, event_type, what) in [
        (settings.name.is_some(), "m.room.name", "name"),
        (settings.topic.is_some(), "m.room.topic", "topic"),
        (settings.join_rule.is_some(), "m.room.join_rules", "join rule"),
        (settings.history_visibility.is_some(), "m.room.history_visibility", "history visibility"),
        (settings.guest_access.is_some(), "m.room.guest_access", "guest access"),
    ] {
        if given {
            need(levels.to_set(event_type), format!("set the {what}"), modes.room_state);
        }
    }
    needs
}

fn lack(room: &RoomPolicy, level: i64, lacking: &[Need]) -> Finding {
    let needs: Vec<String> = lacking.iter().map(|need| format!("{} to {}", need.level, need.to)).collect();
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
    use provisioner_policy::{OnLeave, PowerGrant, RoomSettings, Selector};
    use serde_json::{Value, json, value::to_raw_value};

    use super::super::FindingStatus;
    use super::*;
    use crate::homeserver::StateEvent;

    const BOT: &str = "@bot:x";

    fn room(unlisted: Unlisted, grants: &[i64]) -> RoomPolicy {
        RoomPolicy {
            key: "staff".to_owned(),
            id: "!staff:x".to_owned(),
            members: vec![Selector::Everyone],
            unlisted,
            on_leave: OnLeave::Respect,
            power: grants.iter().map(|level| PowerGrant { level: *level, grant: vec![Selector::Everyone] }).collect(),
            settings: RoomSettings { topic: Some("t".to_owned()), ..RoomSettings::default() },
        }
    }

    fn levels(version: &str, users: Value) -> Levels {
        let event = |content: Value| {
            let content = to_raw_value(&content).unwrap();
            StateEvent { content, sender: "@maker:x".to_owned(), event_id: None, origin_server_ts: 0 }
        };
        let power = json!({ "users": users, "invite": 30, "events": { "m.room.power_levels": 100 } });
        Levels::read(&event(json!({ "room_version": version })), Some(power))
    }

    fn found(room: &RoomPolicy, modes: Modes, levels: &Levels) -> (FindingStatus, String) {
        let exempt = ["@exempt:x".to_owned()];
        let finding = examine(room, modes, &exempt, BOT, levels, "invite").remove(0);
        (finding.status, finding.text)
    }

    const REMOVALS: Modes = Modes {
        accounts: Mode::Observe,
        joins: Mode::Observe,
        removals: Mode::Enforce,
        power_levels: Mode::Observe,
        room_state: Mode::Observe,
        server_admins: Mode::Observe,
    };

    #[test]
    fn what_the_bot_lacks_is_named_and_fails_only_where_it_is_enforced() {
        let (room, levels) = (room(Unlisted::Remove, &[50, 20]), levels("10", json!({ BOT: 20 })));
        let text = "staff: the bot has level 20, and needs 30 to join people, 50 to remove people, 100 to set power levels, 51 to \
                    grant level 50, 50 to set the topic";
        assert_eq!(found(&room, REMOVALS, &levels), (FindingStatus::Fail, text.to_owned()));
        assert_eq!(found(&room, Modes::default(), &levels).0, FindingStatus::Warn);
    }

    #[test]
    fn a_room_asks_only_for_what_its_policy_may_do() {
        let room = room(Unlisted::Keep, &[]);
        assert_eq!(found(&room, REMOVALS, &levels("10", json!({ BOT: 50, "@other:x": 100 }))).0, FindingStatus::Pass);
    }

    #[test]
    fn somebody_as_strong_as_the_bot_is_named_and_exempt_people_are_not() {
        let room = room(Unlisted::Remove, &[]);
        let both = json!({ BOT: 100, "@other:x": 100, "@exempt:x": 100 });
        let (status, text) = found(&room, REMOVALS, &levels("10", both.clone()));
        assert!(status == FindingStatus::Fail && text.ends_with("as much: @other:x (level 100)"), "{text}");
        assert_eq!(found(&room, Modes::default(), &levels("10", both)).0, FindingStatus::Warn);
    }

    #[test]
    fn a_creator_of_version_12_stands_above_a_bot_that_is_none_whatever_its_level() {
        let room = room(Unlisted::Remove, &[50]);
        let (status, text) = found(&room, REMOVALS, &levels("12", json!({ BOT: 100 })));
        assert!(status == FindingStatus::Fail && text.ends_with("@maker:x (a creator's power)"), "{text}");
    }
}
