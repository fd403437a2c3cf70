//! Reads the body of a transaction in one pass, and picks the events that matter.
//!
//! It must cost less than reading three fields of each event elsewhere does, and one event it cannot read must never cost
//! the rest: Synapse would send the same transaction for ever.

use super::{Interest, event::EventHead, inbox::InboxEvent, json::Json, seen::Seen};

/// Why a body is not a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not UTF-8.
    #[error("not JSON in UTF-8")]
    NotJson,
    /// JSON, but not an object with an array `events`.
    #[error("no `events` array")]
    NoEvents,
}

/// What a transaction holds for us.
#[derive(Debug)]
pub struct Transaction<'a> {
    /// The events that matter, in the order sent.
    pub matters: Vec<InboxEvent<'a>>,
    /// How many events of each kind there were, unreadable ones included.
    pub seen: Seen,
}

/// Reads `body`. Unreadable events are counted and skipped. Allocates only for events that matter.
pub fn read<'a>(body: &'a [u8], interest: &Interest) -> Result<Transaction<'a>, Malformed> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let mut json = Json::new(text);
    let mut events = None;
    if json.peek() == Some(b'{') {
        json.each(b'{', b'}', |json| {
            if json.key()?.text().is_none_or(|key| key != "events") {
                return json.skip();
            }
            // Given twice, the last one counts, as for every other reader of JSON.
            events = read_events(json, interest)?;
            Ok(())
        })?;
    } else {
        json.skip()?;
    }
    match json.peek() {
        None => events.ok_or(Malformed::NoEvents),
        Some(_) => Err(Malformed::NotJson),
    }
}

fn read_events<'a>(json: &mut Json<'a>, interest: &Interest) -> Result<Option<Transaction<'a>>, Malformed> {
    if json.peek() != Some(b'[') {
        return json.skip().map(|()| None);
    }
    let mut transaction = Transaction { matters: Vec::new(), seen: Seen::default() };
    json.each(b'[', b']', |json| {
        let start = json.at();
        let Some(event) = EventHead::read(json)? else {
            transaction.seen.add_unreadable();
            return Ok(());
        };
        transaction.seen.add(&event.event_type);
        let raw = json.since(start);
        if interest.covers(&event, raw) {
            let EventHead { event_id, room_id, event_type, state_key: _ } = event;
            transaction.matters.push(InboxEvent { event_id, room_id, event_type, raw });
        }
        Ok(())
    })?;
    Ok(Some(transaction))
}
