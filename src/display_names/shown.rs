//! The names of the users in one answer, and how they stand beside the ids.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ids;

/// Names by user id. Without any, every text stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisplayNames {
    server_name: String,
    by_id: BTreeMap<String, NamedUser>,
}

/// A user with a name that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUser {
    pub mxid: String,
    /// Told apart from every other one of the same answer.
    pub short_id: String,
    pub name: String,
    /// What they were called when they were first shown, where it was another name.
    pub was: Option<FormerName>,
}

/// A name that may be shown, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownName {
    pub(crate) name: String,
    pub(crate) was: Option<FormerName>,
}

/// What somebody was called when they were first shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FormerName {
    pub name: String,
    pub until: DateTime<Utc>,
}

impl fmt::Display for FormerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "was \"{}\" until {}", isolated(&self.name), self.until.format("%Y-%m-%d %H:%M UTC"))
    }
}

impl From<String> for ShownName {
    fn from(name: String) -> Self {
        Self { name, was: None }
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart<'a> {
    Text(&'a str),
    User(&'a NamedUser),
}

impl DisplayNames {
    /// `shown` are the ids of the answer, `names` those that are known, made harmless already.
    pub(crate) fn new(
        server_name: &str,
        shown: &[&str],
        names: impl IntoIterator<Item = (String, impl Into<ShownName>)>,
    ) -> Self {
        let named = names.into_iter().map(|(mxid, name)| {
            let (short_id, ShownName { name, was }) = (ids::short(&mxid, shown), name.into());
            (mxid.clone(), NamedUser { mxid, short_id, name, was })
        });
        Self { server_name: server_name.to_owned(), by_id: named.collect() }
    }

    /// A user, where their name is known.
    pub fn user(&self, mxid: &str) -> Option<&NamedUser> {
        self.by_id.get(mxid)
    }

    /// A text in parts: users who have a name, and what stands around them.
    pub fn parts<'a>(&'a self, text: &'a str) -> Vec<TextPart<'a>> {
        if self.by_id.is_empty() {
            return vec![TextPart::Text(text)];
        }
        let (mut parts, mut from) = (Vec::new(), 0);
        for place in ids::places(text, &self.server_name) {
            if let Some(user) = self.user(&text[place.clone()]) {
                parts.extend([TextPart::Text(&text[from..place.start]), TextPart::User(user)]);
                from = place.end;
            }
        }
        parts.push(TextPart::Text(&text[from..]));
        parts.retain(|part| *part != TextPart::Text(""));
        parts
    }

    /// A line for a terminal: each id stays where it is, whole, with the name after it.
    pub fn beside_ids(&self, line: &str) -> String {
        let part = |part| match part {
            TextPart::Text(text) => text.to_owned(),
            TextPart::User(NamedUser { mxid, name, was, .. }) => {
                let was = was.as_ref().map_or_else(String::new, |was| format!(" ({was})"));
                format!("{mxid} \"{name}\"{was}")
            }
        };
        self.parts(line).into_iter().map(part).collect()
    }

    /// The users in these texts whose names are known, each once.
    pub fn users_in<'a>(&'a self, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a NamedUser> {
        let users = texts.into_iter().flat_map(|text| {
            ids::places(text, &self.server_name).into_iter().filter_map(|place| self.user(&text[place]))
        });
        users.map(|user| (&*user.mxid, user)).collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// All of them.
    pub fn users(&self) -> Vec<&NamedUser> {
        self.by_id.values().collect()
    }
}

impl NamedUser {
    /// The name, isolated where it is written from right to left: what follows it would be drawn within it.
    pub fn isolated_name(&self) -> String {
        isolated(&self.name)
    }

    /// The name in quotes with the whole id beside it, for a text without markup.
    pub fn plain(&self) -> String {
        format!("\"{}\" ({}{})", self.isolated_name(), self.mxid, self.was_words())
    }

    /// That they were called otherwise, after the id; mostly nothing.
    pub fn was_words(&self) -> String {
        self.was.as_ref().map_or_else(String::new, |was| format!(", {was}"))
    }

    /// The link that clients show as a pill.
    pub fn link(&self) -> String {
        // A slash would begin the id of an event.
        format!("https://matrix.to/#/{}", self.mxid.replace('/', "%2F"))
    }
}

/// A name, isolated where it is written from right to left.
fn isolated(name: &str) -> String {
    match name.chars().any(is_right_to_left) {
        true => format!("\u{2068}{name}\u{2069}"),
        false => name.to_owned(),
    }
}

/// Hebrew, Arabic and their neighbours.
fn is_right_to_left(character: char) -> bool {
    matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";
    const NEAR: &str = "@4be7a1c0-ffff-4000-8000-0123456789ab:a.org";

    fn names(named: &[(&str, &str)]) -> DisplayNames {
        let shown = [ADA, NEAR, "@a/b:a.org"];
        DisplayNames::new("a.org", &shown, named.iter().map(|(mxid, name)| ((*mxid).to_owned(), (*name).to_owned())))
    }

    #[test]
    fn two_people_with_one_name_are_told_apart() {
        let names = names(&[(ADA, "Ada"), (NEAR, "Ada")]);
        assert_eq!(
            [ADA, NEAR].map(|mxid| &*names.user(mxid).unwrap().short_id),
            ["@4be7a1c0-93d2…", "@4be7a1c0-ffff…"]
        );
        assert_eq!(names.beside_ids(&format!("{NEAR} and {ADA}")), format!("{NEAR} \"Ada\" and {ADA} \"Ada\""));
    }

    #[test]
    fn a_text_without_known_names_stays_as_it_is() {
        let text = format!("by {ADA}, who is no @x:a.org");
        assert_eq!(DisplayNames::default().parts(&text), [TextPart::Text(&text)]);
        assert_eq!(names(&[]).beside_ids(&text), text);
        assert_eq!(names(&[("@a/b:a.org", "B")]).beside_ids(&text), text);
    }

    #[test]
    fn a_name_that_changed_is_marked_on_a_line() {
        let was = FormerName { name: "Ben".to_owned(), until: DateTime::from_timestamp(1_796_000_100, 0).unwrap() };
        let name = ShownName { name: "Ada".to_owned(), was: Some(was) };
        let names = DisplayNames::new("a.org", &[ADA], [(ADA.to_owned(), name)]);
        let shown = format!("held by {ADA} \"Ada\" (was \"Ben\" until 2026-11-30 00:55 UTC): 3");
        assert_eq!(names.beside_ids(&format!("held by {ADA}: 3")), shown);
    }

    #[test]
    fn names_are_by_id_where_a_program_reads() {
        let names = names(&[(ADA, "Ada"), (NEAR, "Ben")]);
        let text = format!("asked by {NEAR}. {NEAR}");
        let found: Vec<_> = names.users_in(["x", &text]).into_iter().map(|user| (&*user.mxid, &*user.name)).collect();
        assert_eq!((found, names.users().len()), (vec![(NEAR, "Ben")], 2));
    }

    #[test]
    fn a_name_from_right_to_left_turns_nothing_around() {
        let names = names(&[(ADA, "שלום"), ("@a/b:a.org", "Ben")]);
        assert_eq!(names.user(ADA).unwrap().plain(), format!("\"\u{2068}שלום\u{2069}\" ({ADA})"));
        let was =
            FormerName { name: "שלום".to_owned(), until: DateTime::from_timestamp(1_796_000_100, 0).unwrap() };
        assert_eq!(was.to_string(), "was \"\u{2068}שלום\u{2069}\" until 2026-11-30 00:55 UTC");
        let ben = names.user("@a/b:a.org").unwrap();
        assert_eq!(
            (ben.plain(), ben.link()),
            ("\"Ben\" (@a/b:a.org)".to_owned(), "https://matrix.to/#/@a%2Fb:a.org".to_owned())
        );
    }
}
