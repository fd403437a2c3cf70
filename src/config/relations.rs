//! What the values of a file must have to do with each other. Values that were refused are not judged again.

use std::collections::{BTreeMap, btree_map::Entry};

use provisioner_policy::{SelectorPlace, SelectorSource};

use super::{
    Config, RoomIds, RoomSection, admin, appservice, cognito, commands, database, document::child, guard, profiles,
    report::ProblemReport,
};

/// Every rule that needs more than one value.
pub(super) fn check(config: &Config, room_ids: RoomIds, report: &mut ProblemReport<'_>) {
    check_sources(config, report);
    admin::check(config, report);
    appservice::check(config, report);
    database::check(config, report);
    cognito::check(config, report);
    commands::check(config, report);
    guard::check(config, report);
    profiles::check(config, report);
    check_selectors(config, report);
    check_rooms(&config.rooms, room_ids, report);
}

fn check_sources(config: &Config, report: &mut ProblemReport<'_>) {
    if config.roster.is_none() && config.cognito.is_none() && config.queue.is_none() {
        report.add(
            "/roster",
            "there is no source of people: [roster], [cognito] and [queue] are all missing",
            "add at least one; [roster] alone reads team_members in the database of [database]",
        );
    }
}

/// A selector that no source can answer would empty its rooms.
fn check_selectors(config: &Config, report: &mut ProblemReport<'_>) {
    let roster = config.roster.is_some() || !report.sound("/roster");
    let cognito = config.cognito.is_some() || !report.sound("/cognito");
    for (place, selectors) in config.policy_of_all_rooms("").selector_lists() {
        let list = match place {
            SelectorPlace::Members { room } => format!("/rooms/{room}/members"),
            SelectorPlace::Power { room, grant } => format!("/rooms/{room}/power/{grant}/grant"),
            SelectorPlace::ServerAdmins => "/server_admins/grant".to_owned(),
            SelectorPlace::Operators => "/commands/allow".to_owned(),
        };
        for (index, selector) in selectors.iter().enumerate() {
            let at = child(&list, index);
            let name = report.places.name(&at);
            match selector.source() {
                SelectorSource::Group(_) if !cognito => report.add(
                    &at,
                    format!("{name} = {selector}: no source knows groups"),
                    "add [cognito] with region and user_pool_id, or select by team or subject",
                ),
                SelectorSource::Roster(_) if !roster => report.add(
                    &at,
                    format!("{name} = {selector}: no source knows teams"),
                    "add [roster], or select by group or subject",
                ),
                SelectorSource::Accounts
                | SelectorSource::Roster(_)
                | SelectorSource::Group(_)
                | SelectorSource::Itself => {}
            }
        }
    }
}

fn check_rooms(rooms: &[RoomSection], room_ids: RoomIds, report: &mut ProblemReport<'_>) {
    check_distinct(
        rooms.iter().enumerate().map(|(index, room)| (format!("/rooms/{index}/key"), room.key.as_str())),
        "key",
        report,
    );
    let ids = rooms
        .iter()
        .enumerate()
        .filter_map(|(index, room)| Some((format!("/rooms/{index}/id"), room.id.as_ref()?.as_str())));
    check_distinct(ids, "id", report);
    for (index, room) in rooms.iter().enumerate() {
        let at = format!("/rooms/{index}");
        let id_at = child(&at, "id");
        if room.id.is_none() && room_ids == RoomIds::Required {
            let name = report.places.name(&id_at);
            report.add(
                &id_at,
                format!("{name} is missing"),
                "write the room's full id; for a room that does not exist yet, run bootstrap --create-rooms and put in the line it prints",
            );
        }
        check_levels(room, &at, report);
        check_event_types(room, &at, report);
    }
}

/// Two rooms with one key or one id would be steered by two policies.
fn check_distinct<'a>(values: impl Iterator<Item = (String, &'a str)>, key: &str, report: &mut ProblemReport<'_>) {
    let mut first: BTreeMap<&str, String> = BTreeMap::new();
    for (at, value) in values {
        if !report.sound(&at) {
            continue;
        }
        match first.entry(value) {
            Entry::Vacant(entry) => {
                entry.insert(at);
            }
            Entry::Occupied(entry) => {
                let place = match report.places.line(entry.get()) {
                    Some(line) => format!("line {line}"),
                    None => "a room before".to_owned(),
                };
                let text = format!("{} = \"{value}\" is the same as in {place}", report.places.name(&at));
                report.add(&at, text, format!("give each room its own {key}"));
            }
        }
    }
}

fn check_event_types(room: &RoomSection, room_at: &str, report: &mut ProblemReport<'_>) {
    if room.levels.events.keys().any(|event_type| event_type.trim().is_empty()) {
        let at = format!("{room_at}/levels/events");
        let text = format!("{} has an empty type of event", report.places.name(&at));
        report.add(&at, text, "write the type in quotes: \"m.room.tombstone\" = 100");
    }
}

fn check_levels(room: &RoomSection, room_at: &str, report: &mut ProblemReport<'_>) {
    let mut seen = Vec::new();
    for (number, power) in room.power.iter().enumerate() {
        let at = format!("{room_at}/power/{number}/level");
        if !report.sound(&at) {
            continue;
        }
        if seen.contains(&power.level) {
            let name = report.places.name(&at);
            report.add(
                &at,
                format!("{name} = {} is given twice", power.level),
                "put both lists of selectors into one grant",
            );
        }
        seen.push(power.level);
    }
}
