//! A place in JSON text, and how to get past a value without building it.
//!
//! Nearly all that Synapse sends is skipped, so skipping is what intake costs: serde_json takes a fourth to a half more CPU
//! for it (`cargo bench --bench intake`). What is JSON here is exactly what is JSON there: `tests/listener/properties.rs`
//! compares them.
//!
//! `inline(always)` stands where the place in the text would otherwise go through memory at every byte: without it a
//! transaction takes two fifths longer.

use std::borrow::Cow;

use memchr::memchr2;
use serde::de::IgnoredAny;

use super::transaction::Malformed;

/// Deeper values than this are left to serde_json, which keeps its place on the heap.
const DEPTH: u32 = u64::BITS;

/// The end of white space and controls: everything below is one of them.
const SPACE: u8 = b' ';

/// A place in JSON text.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// Whether control characters are in the text at all. Synapse sends none, and then no string is searched for them.
    controls: bool,
}

/// A string as it stands in the text, between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    inner: &'a str,
    escaped: bool,
}

impl<'a> Quoted<'a> {
    /// What it says, borrowed unless an escape had to be decoded; nothing for what is no Unicode (a lone surrogate).
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if self.escaped { self.decode().map(Cow::Owned) } else { Some(Cow::Borrowed(self.inner)) }
    }

    #[cold]
    fn decode(self) -> Option<String> {
        serde_json::from_str(&format!("\"{}\"", self.inner)).ok()
    }
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Without a way out in the middle this is a few bytes a cycle.
        let lowest = text.bytes().fold(u8::MAX, u8::min);
        Self { text, at: 0, controls: lowest < SPACE }
    }

    /// How far it is from the beginning, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte that is not white space, left in place.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Calls `member` at the start of each of the members between `open` and `close`; it must move past one.
    pub(super) fn each(
        &mut self,
        open: u8,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(open)?;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            member(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(end) if end == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Malformed::NotJson),
            }
            self.peek();
        }
    }

    /// Reads a key, and moves to its value.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Quoted<'a>, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(Malformed::NotJson);
        }
        let key = self.quoted()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Reads the string that starts here; `None` for another value, or one that is no Unicode, which is skipped.
    pub(super) fn string(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        if self.peek() == Some(b'"') { Ok(self.quoted()?.text()) } else { self.skip().map(|()| None) }
    }

    /// Moves past the value that starts here, whatever it is, if it is JSON.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        // One bit for each bracket that is open, the innermost lowest: set for an object.
        let (start, mut depth, mut objects) = (self.at, 0, 0_u64);
        loop {
            match self.peek() {
                Some(b'"') => drop(self.quoted()?),
                Some(open @ (b'{' | b'[')) => {
                    self.at += 1;
                    // In ASCII a closing bracket is two past the opening one.
                    if self.peek() == Some(open + 2) {
                        self.at += 1;
                    } else if depth == DEPTH {
                        return self.skip_deep(start);
                    } else {
                        (depth, objects) = (depth + 1, objects << 1 | u64::from(open == b'{'));
                        if open == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => self.number()?,
            }
            // A value has ended, and with it maybe some that it is in.
            while depth > 0 {
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(Malformed::NotJson),
                }
                self.at += 1;
                (depth, objects) = (depth - 1, objects >> 1);
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    #[cold]
    fn skip_deep(&mut self, start: usize) -> Result<(), Malformed> {
        let rest = self.text.get(start..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        values.next().and_then(Result::ok).ok_or(Malformed::NotJson)?;
        self.at = start + values.byte_offset();
        Ok(())
    }

    /// Reads the string whose opening quote is here.
    #[inline(always)]
    fn quoted(&mut self) -> Result<Quoted<'a>, Malformed> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let (mut at, mut escaped) = (start, false);
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            at += memchr2(b'"', b'\\', rest).ok_or(Malformed::NotJson)?;
            if bytes[at] == b'"' {
                break;
            }
            escaped = true;
            at += match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u') if is_hexadecimal(bytes.get(at + 2..at + 6)) => 6,
                _ => return Err(Malformed::NotJson),
            };
        }
        let inner = self.text.get(start..at).unwrap_or_default();
        if self.controls && inner.bytes().any(|byte| byte < SPACE) {
            return Err(Malformed::NotJson);
        }
        self.at = at + 1;
        Ok(Quoted { inner, escaped })
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + usize::from(self.byte() == Some(b'-'));
        // After a leading zero comes no digit.
        at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(bytes, at)? };
        if bytes.get(at) == Some(&b'.') {
            at = digits(bytes, at + 1)?;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            at = digits(bytes, at)?;
        }
        self.at = at;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        let there = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        self.at += word.len();
        if there { Ok(()) } else { Err(Malformed::NotJson) }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(Malformed::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The end of one or more digits.
fn digits(bytes: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at > start { Ok(at) } else { Err(Malformed::NotJson) }
}

fn is_hexadecimal(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}
