//! What protects a room: whether everybody, or somebody by a grant of the policy, reaches what could take the room away.

use provisioner_policy::{Levels, Mode, Modes, POWER_LEVELS, RoomLevel, RoomPolicy};

use super::Finding;

/// What takes a room away from those it is for, or closes it for good. Nobody should reach it by a grant: who may send power
/// levels gives themselves every other.
const TAKES_THE_ROOM: [&str; 4] = [POWER_LEVELS, "m.room.tombstone", "m.room.server_acl", "m.room.encryption"];

/// What moderators do. A grant may reach it, that is what grants are for, and everybody should not.
const MODERATES: [RoomLevel; 4] = [RoomLevel::Kick, RoomLevel::Ban, RoomLevel::Redact, RoomLevel::StateDefault];

/// What a level reaches, by the key under which the file would raise it.
struct Reached {
    of: RoomLevel,
    level: i64,
}

/// Looks at a room in which the policy decides about levels.
pub(super) fn examine(room: &RoomPolicy, modes: Modes, levels: &Levels<'_>) -> Vec<Finding> {
    if !room.decides_levels() {
        return Vec::new();
    }
    let takes =
        TAKES_THE_ROOM.map(|kind| Reached { of: RoomLevel::Event(kind.to_owned()), level: levels.to_send(kind) });
    let moderates = MODERATES.into_iter().filter_map(|of| Some(Reached { level: levels.of_room(&of)?, of }));
    let (granted, default) = (room.power.iter().map(|grant| grant.level).max(), levels.default_level());
    let by_grant: Vec<&Reached> = takes.iter().filter(|one| Some(one.level) <= granted).collect();
    let moderates: Vec<Reached> = moderates.collect();
    let by_default: Vec<&Reached> = takes.iter().chain(&moderates).filter(|one| one.level <= default).collect();
    let mut findings = Vec::new();
    if !by_default.is_empty() {
        let text = format!(
            "{}: everybody has level {default} (users_default), and that reaches {}",
            room.key,
            listed(&by_default)
        );
        let lower = match default > 0 {
            true => "lower users_default to 0, which this service does where power is given and enforced; ",
            false => "",
        };
        findings.push(found(modes, text, format!("{lower}{}", mend(&by_default))));
    }
    if let Some(granted) = granted.filter(|_| !by_grant.is_empty()) {
        let text = format!("{}: level {granted}, which power grants, reaches {}", room.key, listed(&by_grant));
        findings.push(found(modes, text, format!("{}, or grant less", mend(&by_grant))));
    }
    if findings.is_empty() {
        let text = format!("{}: what protects it is reached by no grant, and nothing of it by everybody", room.key);
        findings.push(Finding::pass("levels", text));
    }
    findings
}

fn found(modes: Modes, text: String, mend: String) -> Finding {
    match modes.power_levels {
        Mode::Enforce => Finding::fail("levels", text, mend),
        Mode::Observe => Finding::warn("levels", text, mend),
    }
}

fn listed(reached: &[&Reached]) -> String {
    reached.iter().map(|one| format!("{} ({})", one.of.name(), one.level)).collect::<Vec<_>>().join(", ")
}

/// The line that would raise them.
fn mend(reached: &[&Reached]) -> String {
    let mut named: Vec<String> = Vec::new();
    let mut events: Vec<String> = Vec::new();
    for one in reached {
        match &one.of {
            RoomLevel::Event(kind) => events.push(format!("\"{kind}\" = 100")),
            of => named.push(format!("{} = 50", of.name())),
        }
    }
    if !events.is_empty() {
        named.push(format!("events = {{ {} }}", events.join(", ")));
    }
    format!("write levels = {{ {} }} under it, with power_levels = \"enforce\" under [modes]", named.join(", "))
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Creators, PowerGrant, Selector};
    use serde_json::{Value, json};

    use super::super::FindingStatus;
    use super::*;

    fn room(grants: &[i64]) -> RoomPolicy {
        let grant = |level: &i64| PowerGrant { level: *level, grant: vec![Selector::Everyone] };
        let power = grants.iter().map(grant).collect();
        RoomPolicy { power, ..RoomPolicy::new("staff", "!staff:x", vec![Selector::Everyone]) }
    }

    fn found(room: &RoomPolicy, power_levels: Mode, content: &Value) -> Vec<(FindingStatus, String, String)> {
        let levels = Levels::read(Some(content), Creators::default()).unwrap();
        let findings = examine(room, Modes { power_levels, ..Modes::default() }, &levels);
        findings.into_iter().map(|one| (one.status, one.text, one.mend.unwrap_or_default())).collect()
    }

    /// As Synapse makes a room.
    fn protected() -> Value {
        json!({ "users": {}, "events": {
            POWER_LEVELS: 100, "m.room.tombstone": 100, "m.room.server_acl": 100, "m.room.encryption": 100,
        } })
    }

    #[test]
    fn what_takes_the_room_is_told_where_the_highest_grant_reaches_it() {
        let mut content = protected();
        assert_eq!(found(&room(&[20, 50]), Mode::Enforce, &content)[0].0, FindingStatus::Pass, "moderators moderate");
        content["events"]["m.room.tombstone"] = json!(50);
        let [(status, text, mend)] = &found(&room(&[20, 50]), Mode::Enforce, &content)[..] else {
            panic!("one finding")
        };
        assert_eq!(*status, FindingStatus::Fail);
        assert_eq!(text, "staff: level 50, which power grants, reaches events.m.room.tombstone (50)");
        assert!(
            mend.contains("levels = { events = { \"m.room.tombstone\" = 100 } }") && mend.contains("or grant less"),
            "{mend}"
        );
        assert_eq!(found(&room(&[20, 50]), Mode::Observe, &content)[0].0, FindingStatus::Warn);
        assert_eq!(found(&room(&[20]), Mode::Enforce, &content)[0].0, FindingStatus::Pass);
        assert_eq!(found(&room(&[]), Mode::Enforce, &content), [], "nothing is decided there");
    }

    #[test]
    fn a_type_without_a_level_of_its_own_is_protected_by_state_default() {
        let content = json!({ "state_default": 30, "events": { POWER_LEVELS: 100 } });
        let text = &found(&room(&[40]), Mode::Enforce, &content)[0].1;
        assert!(
            text.ends_with(
                "events.m.room.tombstone (30), events.m.room.server_acl (30), events.m.room.encryption (30)"
            )
        );
    }

    #[test]
    fn everybody_must_reach_nothing_of_it() {
        let mut content = protected();
        content["users_default"] = json!(100);
        let [(status, text, _), ..] = &found(&room(&[50]), Mode::Enforce, &content)[..] else { panic!("a finding") };
        assert_eq!(*status, FindingStatus::Fail);
        assert!(text.starts_with(
            "staff: everybody has level 100 (users_default), and that reaches events.m.room.power_levels (100)"
        ));
        content["users_default"] = json!(0);
        content["kick"] = json!(0);
        let [(_, text, mend)] = &found(&room(&[50]), Mode::Enforce, &content)[..] else { panic!("one finding") };
        assert_eq!(text, "staff: everybody has level 0 (users_default), and that reaches kick (0)");
        assert!(mend.starts_with("write levels = { kick = 50 } under it"), "{mend}");
    }
}
