//! The head of an event: the few fields that tell whether it matters, borrowed from the body.
//!
//! All other fields are skipped without building values, to any depth.

use std::borrow::Cow;

use super::json::Json;
use super::transaction::Malformed;

/// Longest identifier, in bytes (Matrix specification, *Size limits*). A longer one could not be indexed, and the
/// inbox would refuse it for ever.
const MAX_ID_BYTES: usize = 255;

/// What is read of every event. Room versions differ in much else, so nothing else is asked for.
#[derive(Debug)]
pub(super) struct EventHead<'a> {
    pub(super) event_id: Cow<'a, str>,
    pub(super) room_id: Cow<'a, str>,
    pub(super) event_type: Cow<'a, str>,
    /// Present on state events only, where it may be empty.
    pub(super) state_key: Option<Cow<'a, str>>,
}

impl<'a> EventHead<'a> {
    /// Reads the value that starts here and moves past it. `None` for JSON that is not an event: not an object, an id or
    /// the type missing, empty, over-long, holding NUL (Postgres cannot store it) or not a string. A key that is given
    /// twice counts with its last value, as elsewhere.
    pub(super) fn read(json: &mut Json<'a>) -> Result<Option<Self>, Malformed> {
        if json.peek() != Some(b'{') {
            return json.skip().map(|()| None);
        }
        let (mut event_id, mut room_id, mut event_type, mut state_key) = (None, None, None, Some(None));
        json.each(b'{', b'}', |json| {
            let key = json.key()?;
            match &*key.text().unwrap_or_default() {
                "event_id" => event_id = json.string()?,
                "room_id" => room_id = json.string()?,
                "type" => event_type = json.string()?,
                "state_key" => state_key = json.string()?.map(Some),
                _ => json.skip()?,
            }
            Ok(())
        })?;
        let read = || {
            Some(Self {
                event_id: identifier(event_id)?,
                room_id: identifier(room_id)?,
                event_type: identifier(event_type)?,
                state_key: state_key?,
            })
        };
        Ok(read())
    }
}

fn identifier(value: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    value.filter(|value| {
        // NUL stands in JSON only as an escape, so a borrowed string has none.
        let holds_nul = matches!(value, Cow::Owned(text) if text.contains('\0'));
        !value.is_empty() && value.len() <= MAX_ID_BYTES && !holds_nul
    })
}
