//! A level as Synapse reads it: by Python's `int()`, whatever the room's version. From version 10 on nothing but an integer
//! gets into a room, and from version 6 on no fraction; older rooms have whatever was sent to them.
//!
//! Synapse takes integers alone from its own users, so text that is a level is written back as the number it is.

use serde_json::Value;

/// The zeros of the decimal digits that Python 3.11 knows (Unicode 14). The other nine follow each of them.
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0,
    0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Python refuses text of more digits.
const MOST_DIGITS: usize = 4300;

/// The number that Synapse takes a level for; nothing where it can make none of it. What is out of range is as far out as can
/// be.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| of_fraction(number.as_f64()?)),
        Value::String(text) => of_text(text),
        Value::Bool(is_one) => Some(i64::from(*is_one)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what is after the point is cut off, and what is too large saturates"
)]
fn of_fraction(number: f64) -> Option<i64> {
    number.is_finite().then_some(number as i64)
}

/// Digits of any script with single underscores between them, a sign before them, and white space around.
fn of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mut level, mut digits, mut may_part) = (0_i64, 0, false);
    for sign in unsigned.chars() {
        if sign == '_' && may_part {
            may_part = false;
            continue;
        }
        level = level.saturating_mul(10).saturating_add(digit(sign)?);
        (digits, may_part) = (digits + 1, true);
    }
    let is_one = may_part && digits <= MOST_DIGITS;
    is_one.then_some(if text.starts_with('-') { -level } else { level })
}

fn digit(sign: char) -> Option<i64> {
    let code = u32::from(sign);
    let before = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let digit = code - ZEROS[before];
    (digit < 10).then_some(i64::from(digit))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each was asked of Synapse's Python.
    #[test]
    fn text_is_the_number_that_python_takes_it_for() {
        for (text, level) in [
            ("50", 50),
            (" 50 ", 50),
            ("5\u{b}", 5),
            ("\u{2028}5\u{85}\u{3000}", 5),
            ("+5", 5),
            ("-5", -5),
            ("-0", 0),
            ("1_0", 10),
            ("00_7", 7),
            ("５", 5),
            ("٥_５", 55),
            ("𝟙𝟘𝟘", 100),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(number(&json!(text)), Some(level), "{text:?}");
        }
        let long = "1".repeat(MOST_DIGITS + 1);
        let none =
            ["", " ", "_1", "1_", "1__0", "+-5", "+ 5", "5.0", "0x10", "\u{1c}5", "5\0", "１e1", "½", "much", &long];
        assert_eq!(none.map(|text| number(&json!(text))), none.map(|_| None));
    }

    #[test]
    fn fractions_are_cut_and_true_is_one() {
        let levels = [json!(5.9), json!(-5.9), json!(true), json!(50), json!(u64::MAX), json!(null), json!([1])];
        let expected = [Some(5), Some(-5), Some(1), Some(50), Some(i64::MAX), None, None];
        assert_eq!(levels.each_ref().map(number), expected);
    }
}
