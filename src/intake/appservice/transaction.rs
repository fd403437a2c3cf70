//! Reads the body of a transaction in one pass, and picks the events that matter.
//!
//! It must be as cheap as reading three fields of each event, and one event it cannot read must never cost the rest:
//! Synapse would send the same transaction for ever. So serde_json reads one event at a time, from a known offset, and
//! only the brackets around them are read here.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Interest,
    event::{EventHead, Text},
    inbox::InboxEvent,
    seen::Seen,
};

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
    let text = std::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let mut cursor = Cursor { text, at: 0 };
    let mut events = None;
    if cursor.peek() == Some(b'{') {
        cursor.each(b'{', b'}', |cursor| {
            let is_events = cursor.key()?.is_some_and(|key| key == "events");
            cursor.expect(b':')?;
            if !is_events {
                return cursor.skip();
            }
            // Given twice, the last one counts, as for every other reader of JSON.
            events = read_events(cursor, interest)?;
            Ok(())
        })?;
    } else {
        cursor.skip()?;
    }
    match cursor.peek() {
        None => events.ok_or(Malformed::NoEvents),
        Some(_) => Err(Malformed::NotJson),
    }
}

fn read_events<'a>(cursor: &mut Cursor<'a>, interest: &Interest) -> Result<Option<Transaction<'a>>, Malformed> {
    if cursor.peek() != Some(b'[') {
        cursor.skip()?;
        return Ok(None);
    }
    let mut transaction = Transaction { matters: Vec::new(), seen: Seen::default() };
    cursor.each(b'[', b']', |cursor| {
        let start = cursor.at;
        let Ok(event) = cursor.value::<EventHead<'a>>() else {
            transaction.seen.add_unreadable();
            return cursor.skip();
        };
        transaction.seen.add(&event.event_type);
        let raw = cursor.since(start);
        if interest.covers(&event, raw) {
            let EventHead { event_id, room_id, event_type, state_key: _ } = event;
            transaction.matters.push(InboxEvent { event_id, room_id, event_type, raw });
        }
        Ok(())
    })?;
    Ok(Some(transaction))
}

/// A place in JSON text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space, left in place.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn take_if(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.take_if(byte) { Ok(()) } else { Err(Malformed::NotJson) }
    }

    /// Calls `member` at the start of each of the members between `open` and `close`; it must move past one.
    fn each(
        &mut self,
        open: u8,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(open)?;
        if self.take_if(close) {
            return Ok(());
        }
        loop {
            self.peek();
            member(self)?;
            if !self.take_if(b',') {
                return self.expect(close);
            }
        }
    }

    /// Reads the value that starts here. Stays in place if it is not a `T`, or not JSON at all.
    fn value<T: Deserialize<'a>>(&mut self) -> Result<T, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        let value = values.next().and_then(Result::ok).ok_or(Malformed::NotJson)?;
        self.at += values.byte_offset();
        Ok(value)
    }

    /// Reads the key that starts here; `None` for one that is JSON but no Unicode text.
    fn key(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(Malformed::NotJson);
        }
        match self.value::<Text<'a>>() {
            Ok(Text(key)) => Ok(Some(key)),
            Err(_) => self.skip().map(|()| None),
        }
    }

    /// Moves past the value that starts here, whatever it is, if it is JSON.
    fn skip(&mut self) -> Result<(), Malformed> {
        self.value::<IgnoredAny>().map(drop)
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}
