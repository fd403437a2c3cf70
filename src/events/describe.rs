//! What others are told of a line of the ledger. Pure.
//!
//! In ids alone. What is left out on purpose: the words of `cause` and `detail`, which quote rows and answers of others; name
//! and topic of a room; who called on the command line, which is a person's name. A kind that is not known here is not told.

use provisioner_policy::{Closed, Kind, Setting};
use serde_json::{Map, Value};

use super::cloud_event::{Data, Event};
use super::event_type::EventType;
use crate::store::OutboxLine;

/// What a held plan's id comes after.
const HELD_PLAN: &str = ": held plan ";

/// What a line of a command begins with.
const COMMAND: &str = "command of ";

/// Who is not in the Staff room.
const COMMAND_LINE: &str = "command_line";

/// The events of a line, as `source` tells them; none where others have nothing of it.
pub fn events(line: &OutboxLine, source: &str) -> Vec<Event> {
    let one = |kind, data| vec![Event::of(line, None, source, kind, &data)];
    let of_user = |kind| match &line.user_id {
        Some(_) => one(kind, of_person(line)),
        None => Vec::new(),
    };
    match line.kind.parse::<Kind>() {
        Ok(kind) => match kind {
            Kind::CreateAccount => {
                let before = line.before.as_ref().and_then(Value::as_str);
                of_user(match before.and_then(|word| word.parse().ok()) {
                    Some(Closed::Locked) => EventType::AccountUnlocked,
                    Some(Closed::Deactivated) => EventType::AccountReactivated,
                    None => EventType::AccountCreated,
                })
            }
            Kind::LockAccount => of_user(EventType::AccountLocked),
            Kind::DeactivateAccount => of_user(EventType::AccountDeactivated),
            Kind::GrantServerAdmin => of_user(EventType::ServerAdminGranted),
            Kind::RevokeServerAdmin => of_user(EventType::ServerAdminRevoked),
            Kind::Join => of_user(EventType::MemberJoined),
            Kind::Remove => of_user(EventType::MemberRemoved),
            Kind::SetPowerLevels => levels(line, source),
            Kind::SetRoomState => one(EventType::RoomSettingChanged, setting(line)),
            // What people are called is told to nobody.
            Kind::SetDisplayName | Kind::SetAvatar => Vec::new(),
        },
        // What is no change of the plan's.
        Err(_) => match line.kind.as_str() {
            "leave" => {
                let data = of_person(line);
                one(EventType::MemberLeft, Data { cause: "person", actor: line.user_id.clone(), ..data })
            }
            "follow" => one(EventType::RoomFollowed, by_command(line, of_room(line))),
            "hold" => one(EventType::PlanHeld, of_plan(line)),
            "approve" => one(EventType::PlanApproved, by_command(line, of_plan(line))),
            "dismiss" => one(EventType::PlanDismissed, by_command(line, of_plan(line))),
            "expire" => one(EventType::PlanExpired, of_plan(line)),
            "pause" => one(EventType::ServicePaused, by_command(line, said(line))),
            "resume" => one(EventType::ServiceResumed, by_command(line, said(line))),
            "open_alert" => one(EventType::AlertOpened, of_alert(line)),
            "close_alert" => one(EventType::AlertClosed, of_alert(line)),
            _ => Vec::new(),
        },
    }
}

/// What a line says in columns of ids and words of ours.
fn said(line: &OutboxLine) -> Data {
    let because = line.because.as_deref().map(|because| because.split(':').next().unwrap_or(because).to_owned());
    let actor = line.actor.as_deref().map(caller);
    Data {
        room: line.room_key.clone(),
        room_id: line.room_id.clone(),
        subject: None,
        before: line.before.clone().unwrap_or_default(),
        after: line.after.clone().unwrap_or_default(),
        because,
        cause: if actor.is_some() { "approval" } else { "policy" },
        actor,
        outcome: if line.outcome == "done" { "done" } else { "unknown" },
        setting: None,
    }
}

fn of_person(line: &OutboxLine) -> Data {
    Data { subject: line.user_id.clone(), ..said(line) }
}

fn of_room(line: &OutboxLine) -> Data {
    Data { subject: line.room_id.clone(), ..said(line) }
}

fn of_plan(line: &OutboxLine) -> Data {
    let id = line.cause.rsplit_once(HELD_PLAN).map(|(_, id)| id.to_owned());
    Data { subject: id, cause: "guard", ..said(line) }
}

/// The cause of such a line is the alert's key alone.
fn of_alert(line: &OutboxLine) -> Data {
    Data { subject: Some(line.cause.clone()), cause: "service", ..said(line) }
}

fn by_command(line: &OutboxLine, data: Data) -> Data {
    let words = line.cause.strip_prefix(COMMAND).unwrap_or_default();
    let words = words.rsplit_once(HELD_PLAN).map_or(words, |(by, _)| by);
    let by = words.split([' ', ';']).next().unwrap_or_default();
    Data { cause: "command", actor: Some(caller(by)), ..data }
}

/// Somebody in the Staff room by their id; on the command line nobody by their name.
fn caller(by: &str) -> String {
    let is_mxid = by.starts_with('@') && by.contains(':') && !by.contains(char::is_whitespace);
    if is_mxid { by.to_owned() } else { COMMAND_LINE.to_owned() }
}

/// One event for each person, and one for what is the room's. The keys are those of `before` and `after` alike.
fn levels(line: &OutboxLine, source: &str) -> Vec<Event> {
    let none = Map::new();
    let of = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
    let (before, after) = (of(&line.before).unwrap_or_default(), of(&line.after).unwrap_or_default());
    let is_person = |name: &str| name.starts_with('@');
    let level = |levels: &Map<String, Value>, name: &str| levels.get(name).cloned().unwrap_or_default();
    let people = after.keys().filter(|name| is_person(name)).map(|mxid| {
        let (before, after) = (level(&before, mxid), level(&after, mxid));
        let data = Data { subject: Some(mxid.clone()), before, after, ..said(line) };
        Event::of(line, Some(mxid), source, EventType::PowerChanged, &data)
    });
    let rest = |levels: &Map<String, Value>| -> Map<String, Value> {
        levels.iter().filter(|(name, _)| !is_person(name)).map(|(name, level)| (name.clone(), level.clone())).collect()
    };
    let (of_room_before, of_room_after) = (rest(&before), rest(&after));
    let room = (of_room_after != none).then(|| {
        let data = Data { before: of_room_before.into(), after: of_room_after.into(), ..of_room(line) };
        Event::of(line, Some("room"), source, EventType::RoomLevelsChanged, &data)
    });
    people.chain(room).collect()
}

fn setting(line: &OutboxLine) -> Data {
    let setting =
        line.because.as_deref().and_then(|because| because.split_once(':')).map(|(_, which)| which.to_owned());
    let data = Data { setting, ..of_room(line) };
    let is_word = |which: &str| Setting::ALL.into_iter().any(|setting| setting.key() == which && setting.is_word());
    if data.setting.as_deref().is_some_and(is_word) {
        return data;
    }
    // Somebody's text.
    Data { before: Value::Null, after: Value::Null, ..data }
}

#[cfg(test)]
mod tests;
