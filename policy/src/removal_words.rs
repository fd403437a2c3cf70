//! Why somebody loses a place, in words: what they were and until when, how they came in, and what the place asks for. And the
//! few words that the removed person sees themselves.

use crate::background::Belonged;
use crate::facts::Account;
use crate::policy::RoomIx;
use crate::selector::{Matcher, Selector, SelectorSource};
use crate::users::UserIx;
use crate::world::World;

/// Selectors of a room that one reason names.
const MOST_SELECTORS: usize = 3;

/// The longest name of a team or role in what a removed person sees.
const LONGEST_NAME: usize = 60;

impl World {
    /// Why nothing names somebody for a room, or for the flag of server admins.
    pub(crate) fn not_entitled_words(&self, room: Option<RoomIx>, user: UserIx) -> String {
        let (selectors, matchers) = self.asked_of(room);
        let row = self.roster_words(user);
        let lost = match (self.loss_words(room, user, matchers), &row) {
            (Some(lost), Some(row)) if !lost.contains("the row changed to") => format!("{lost}; {row}"),
            (Some(lost), _) => lost,
            (None, _) => {
                let what = if room.is_some() { "the room is for" } else { "server admins are" };
                let asked = format!("{what} {}", selector_words(selectors));
                match (row, room.and_then(|room| self.reason_then(room, user))) {
                    (Some(row), _) => format!("{row}, and {asked}"),
                    (None, Some(then)) => format!("was {then} when they were joined, and no row says so any more"),
                    (None, None) => format!("no source names them, and {asked}"),
                }
            }
        };
        self.with_entrance(room, user, lost)
    }

    /// Why somebody that no source names has no place in a room, or no flag.
    pub(crate) fn nobody_knows_words(&self, room: Option<RoomIx>, user: UserIx) -> String {
        let (_, matchers) = self.asked_of(room);
        let words = if let Some(lost) = self.loss_words(room, user, matchers) {
            lost
        } else if let Some(then) = room.and_then(|room| self.reason_then(room, user)) {
            format!("was {then} when they were joined, and no row says so any more")
        } else if self.is_unheard_of(room, user) && self.users.is_local(user) {
            let is_team = |matcher: &Matcher| matches!(matcher.source(), SelectorSource::Roster(_));
            let of = if matchers.iter().any(is_team) { "in any team" } else { "among those who belong here" };
            format!("no source names this user, and they were never seen {of}")
        } else {
            "no source names this user".to_owned()
        };
        self.with_entrance(room, user, words)
    }

    /// Adds how somebody came in, where that is known.
    pub(crate) fn with_entrance(&self, room: Option<RoomIx>, user: UserIx, words: String) -> String {
        match room.and_then(|room| self.entrance_words(room, user)) {
            Some(entrance) => format!("{words} ({entrance})"),
            None => words,
        }
    }

    /// What a room, or the flag of server admins, asks for.
    fn asked_of(&self, room: Option<RoomIx>) -> (&[Selector], &[Matcher]) {
        match room {
            Some(room) => (&self.policy.rooms[room.index()].members, &self.members[room.index()]),
            None => (&self.policy.server_admins, &self.admins),
        }
    }

    /// What a removed person is told by the homeserver, and everybody in the room with them: no id, and nobody else's name.
    pub fn farewell(&self, room: RoomIx, user: UserIx) -> String {
        if matches!(self.facts.account(user), Account::Disabled | Account::Deleted | Account::Refused) {
            return "this account is not active any more".to_owned();
        }
        let of = |loss: &Belonged| match loss {
            Belonged::Team { team, role: Some(role) } => format!("no longer {} of {}", cut(role), cut(team)),
            Belonged::Team { team, role: None } => format!("no longer in team {}", cut(team)),
            Belonged::Group(_) => "no longer in the group that this room is for".to_owned(),
        };
        let lost = self.loss_words(Some(room), user, &self.members[room.index()]);
        match lost.and_then(|_| self.loss(user, &self.members[room.index()])) {
            Some(loss) => of(&loss.what),
            None if self.is_unheard_of(Some(room), user) => {
                "this room is for its members by list, and you are not on it; ask its administrators".to_owned()
            }
            None => "you are no longer among the people of this room".to_owned(),
        }
    }
}

/// The people that these selectors name, the first few.
pub fn selector_words(selectors: &[Selector]) -> String {
    let mut words: Vec<String> = selectors.iter().take(MOST_SELECTORS).map(Selector::in_words).collect();
    let more = selectors.len().saturating_sub(MOST_SELECTORS);
    words.extend((more > 0).then(|| format!("{more} more")));
    if words.is_empty() { "nobody".to_owned() } else { words.join(" or ") }
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
