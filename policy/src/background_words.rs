//! What is known of somebody's past, in clauses: what they were and until when, and how they came in.

use crate::background::{Background, Belonged, Entrance, Loss};
use crate::facts::AccountsFrom;
use crate::mirror::Membership;
use crate::names::NameIx;
use crate::policy::RoomIx;
use crate::selector::{Matcher, SelectorSource};
use crate::users::UserIx;
use crate::world::{World, WorldState};

impl World {
    /// Takes what is known of somebody's past, or forgets it. Nothing that is planned depends on it, so nobody becomes dirty.
    pub fn set_background(&mut self, user: UserIx, background: Option<Background>) {
        let backgrounds = self.backgrounds_mut();
        match background {
            Some(background) => drop(backgrounds.insert(user, background)),
            None => drop(backgrounds.remove(&user)),
        }
    }

    /// Forgets the past of everybody but these.
    pub fn keep_backgrounds(&mut self, of: impl Fn(UserIx) -> bool) {
        self.backgrounds_mut().retain(|user, _| of(*user));
    }
}

impl WorldState {
    /// Whether somebody's past was looked up.
    pub fn has_background(&self, user: UserIx) -> bool {
        self.backgrounds.contains_key(&user)
    }

    /// What was lost that one of `selectors` asks for: the newest.
    pub(crate) fn loss(&self, user: UserIx, selectors: &[Matcher]) -> Option<&Loss> {
        let background = self.backgrounds.get(&user)?;
        background.losses.iter().find(|loss| selectors.iter().any(|selector| self.asked_for(*selector, &loss.what)))
    }

    fn asked_for(&self, selector: Matcher, what: &Belonged) -> bool {
        let text = |name: &NameIx| self.names.text(*name);
        match (selector.source(), what) {
            (SelectorSource::Roster(_), Belonged::Team { team, role }) => {
                let (asked, with) = selector.team_and_role();
                asked.is_none_or(|asked| text(asked) == team)
                    && with.is_none_or(|with| role.as_deref() == Some(text(with)))
            }
            (SelectorSource::Accounts, Belonged::Team { .. }) => self.facts.accounts_from == AccountsFrom::Named,
            (SelectorSource::Group(asked), Belonged::Group(group)) => text(asked) == group,
            (SelectorSource::Itself | SelectorSource::Group(_), Belonged::Team { .. })
            | (SelectorSource::Itself | SelectorSource::Accounts | SelectorSource::Roster(_), Belonged::Group(_)) => {
                false
            }
        }
    }

    /// "was lead of staff until …, when the row went". Nothing where no such loss is known, or they were let in since.
    pub(crate) fn loss_words(&self, room: Option<RoomIx>, user: UserIx, selectors: &[Matcher]) -> Option<String> {
        let loss = self.loss(user, selectors)?;
        if let Some(Entrance::Service { at, .. }) = room.and_then(|room| self.entrance(room, user))
            && *at > loss.until
        {
            return None;
        }
        let (what, until) = (loss.what.words(), &loss.until.words);
        Some(match &loss.what {
            Belonged::Team { team, .. } => match self.places_in(user, team) {
                None => format!("was {what} until {until}, when the row went"),
                Some(now) => format!("was {what} until {until}, when the row changed to {now}"),
            },
            Belonged::Group(_) => format!("was {what} until {until}, when the pool no longer said so"),
        })
    }

    /// What the roster says of somebody in one team now.
    fn places_in(&self, user: UserIx, team: &str) -> Option<String> {
        let roles = self.facts.teams.get(user)?.iter().filter(|(its, _)| self.names.text(*its) == team);
        let roles: Vec<&str> =
            roles.map(|(_, role)| role.map_or("a row without a role", |role| self.names.text(role))).collect();
        (!roles.is_empty()).then(|| roles.join(", "))
    }

    pub(crate) fn entrance(&self, room: RoomIx, user: UserIx) -> Option<&Entrance> {
        let entrances = &self.backgrounds.get(&user)?.entrances;
        entrances.iter().find(|(its, _)| *its == room).map(|(_, entrance)| entrance)
    }

    /// How somebody who is in the room came in, as far as that is known.
    pub(crate) fn entrance_words(&self, room: RoomIx, user: UserIx) -> Option<String> {
        let membership = self.room(room).membership(user);
        let entrance = match membership {
            Membership::Join | Membership::Invite => self.entrance(room, user)?,
            _ => return None,
        };
        Some(match entrance {
            Entrance::Service { at, .. } => format!("joined by the service on {}", at.words),
            Entrance::Invitation(by) if membership == Membership::Invite => format!("invited by {by}"),
            Entrance::Invitation(by) => format!("came by invitation of {by}"),
            Entrance::Themselves => "came by themselves".to_owned(),
        })
    }

    /// What the roster said of somebody when we joined them.
    pub(crate) fn reason_then(&self, room: RoomIx, user: UserIx) -> Option<&str> {
        match self.entrance(room, user)? {
            Entrance::Service { because, .. } => {
                because.strip_prefix("the roster says ").map(|rest| rest.split(';').next().unwrap_or(rest))
            }
            Entrance::Invitation(_) | Entrance::Themselves => None,
        }
    }

    /// Whether nothing that any source ever said of the user is known, and we did not join them here: a stranger to all teams.
    pub(crate) fn is_unheard_of(&self, room: Option<RoomIx>, user: UserIx) -> bool {
        let by_us = || matches!(room.and_then(|room| self.entrance(room, user)), Some(Entrance::Service { .. }));
        let nothing = |known: &Background| known.losses.is_empty() && !known.may_lack;
        self.backgrounds.get(&user).is_some_and(nothing) && !self.facts.teams.contains(user) && !by_us()
    }

    /// Since when the account is what the pool says, as a clause that follows it.
    pub(crate) fn account_since_words(&self, user: Option<UserIx>) -> String {
        let since = user.and_then(|user| self.backgrounds.get(&user)?.account_since.as_ref());
        since.map_or_else(String::new, |since| format!(" since {}", since.words))
    }
}
