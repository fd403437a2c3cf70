//! How the service names a part of a held plan, as SQL: by kind, room, person, and what is there before and after. It is written here
//! once more (`policy/src/plan/digest.rs` has the service's own), so that what was approved is compared with what was shown by
//! another hand.

/// The name of the part of which these expressions of type `text` tell. The person is the localpart; of a level, which the texts
/// before and after name, it is empty.
pub(super) fn part(kind: &str, room: &str, person: &str, before: &str, after: &str) -> String {
    // Each text with its length before it.
    let text = |text: &str| format!("int8send(octet_length({text})::bigint) || convert_to({text}, 'UTF8')");
    format!("substring(sha256({}) FROM 1 FOR 16)", [kind, room, person, before, after].map(text).join(" || "))
}
