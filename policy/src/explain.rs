//! Why somebody is, or is not, where they are: source row, selector, rule, state. The planner's own evaluation, in words.

mod outlook;
mod power;

use serde::Serialize;

use self::outlook::Outlook;
pub use self::power::PowerExplanation;
use crate::entitlement::Entitlement;
use crate::facts::Account;
use crate::mirror::{Membership, RoomStatus};
use crate::plan::{Because, Plan};
use crate::planner::{AdminVerdict, MembersInputs, MembershipVerdict, evaluate, evaluate_admin, why_not};
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::World;

/// The answer of `explain --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    pub user: String,
    /// The localpart, for users of our own server.
    pub subject: Option<String>,
    pub account: String,
    pub server_admin: AdminExplanation,
    pub rooms: Vec<RoomExplanation>,
}

/// Whether somebody should be, and is, a server admin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdminExplanation {
    pub desired: bool,
    pub observed: bool,
    pub because: String,
}

/// One room.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoomExplanation {
    pub room: String,
    pub desired: bool,
    pub observed: &'static str,
    pub power: PowerExplanation,
    /// Begins with what will happen where something will, and is then followed by why.
    pub because: String,
    /// Whether something will.
    #[serde(skip)]
    pub is_planned: bool,
}

impl RoomExplanation {
    /// What will happen, or how it is, and then why. A wrong level comes last with a reason of its own: beside the
    /// reason for the place, that would be read as the level's.
    pub fn in_words(&self) -> String {
        let Self { room: _, desired, observed, power, because, is_planned } = self;
        let state = match (desired, *observed) {
            (true, "join") => "belongs and is there",
            (true, "invite") => "belongs and is invited",
            (true, "ban") => "belongs and is banned",
            (true, _) => "belongs and is not there",
            (false, "join") => "does not belong and is there",
            (false, "invite") => "does not belong and is invited",
            (false, "ban") => "is banned",
            (false, _) => "does not belong and is not there",
        };
        let is_there = *observed == "join";
        let has_own_reason = is_there && !power.is_right() && power.because != *because;
        let words = match state {
            _ if *is_planned => because.clone(),
            state if is_there && !has_own_reason => format!("{state}, {}: {because}", power.in_words()),
            state => format!("{state}: {because}"),
        };
        if has_own_reason { format!("{words}. {}", power.sentence()) } else { words }
    }
}

impl World {
    /// Whether any source, account or room has heard of the user.
    pub fn is_known(&self, user: UserIx) -> bool {
        self.facts.teams.contains(user)
            || self.facts.is_folded(user)
            || self.facts.account(user) != Account::Unknown
            || self.mirror.accounts.get(user).present
            || self.rooms().any(|room| self.room(room).membership(user) != Membership::None)
    }

    /// Why the user is, or is not, in each room. `plan` is the world's: it says what is held, and which levels are set.
    pub fn explain(&self, user: UserIx, plan: &Plan) -> Explanation {
        Explanation {
            user: self.users.mxid(user),
            subject: self.users.is_local(user).then(|| self.users.key(user).to_owned()),
            account: self.account_words(user),
            server_admin: self.explain_admin(user, plan),
            rooms: self.rooms().map(|room| self.explain_room(room, user, plan)).collect(),
        }
    }

    fn explain_admin(&self, user: UserIx, plan: &Plan) -> AdminExplanation {
        let observed = self.mirror.accounts.get(user).admin;
        let left_alone = |because: &str| AdminExplanation { desired: observed, observed, because: because.to_owned() };
        if self.admins.is_empty() {
            return left_alone("that flag is not managed here ([server_admins] is not configured)");
        }
        if self.is_exempt(user) {
            return left_alone("never touched: the bot, or named by guard.exempt");
        }
        if self.facts.is_folded(user) {
            return left_alone("two subjects fold to this MXID: nothing is concluded; mend one of the rows");
        }
        let by = self.admin_selector(user).filter(|_| self.users.is_local(user) && self.may_belong(user));
        let text = |because: Because| because.text(self, None, Some(user));
        let because = match evaluate_admin(self, user, self.admins_freeze().is_some()) {
            // Nothing is planned of flags that are not known.
            _ if !self.mirror.accounts_listed => text(Because::AccountsUnlisted),
            AdminVerdict::Do(change, because) => {
                let done = if change.takes() > 0 { "revoked" } else { "granted" };
                self.outlook(&change, done, plan).because(&text(because))
            }
            AdminVerdict::Blocked(_, because) => text(because),
            AdminVerdict::Nothing => text(by.map_or_else(|| why_not(self, user), Because::AdminSelector)),
        };
        AdminExplanation { desired: by.is_some(), observed, because }
    }

    fn account_words(&self, user: UserIx) -> String {
        let on_server = self.mirror.accounts.get(user);
        let upstream = match self.facts.account(user) {
            Account::Disabled => "disabled",
            Account::Deleted => "deleted",
            Account::Refused => "unknown to the pool",
            Account::Active | Account::Unknown if self.facts.is_active(user) => "active",
            Account::Active | Account::Unknown => "named by no source",
        };
        let there = match () {
            () if !on_server.present && !self.mirror.accounts_listed => {
                ", and Synapse's accounts could not be listed yet"
            }
            () if !on_server.present => ", none on Synapse",
            () if on_server.deactivated => ", deactivated on Synapse",
            () if on_server.locked => ", locked on Synapse",
            () if self.mirror.accounts.is_suspended(user) => ", suspended on Synapse",
            () => "",
        };
        format!("{upstream}{there}")
    }

    fn explain_room(&self, room: RoomIx, user: UserIx, plan: &Plan) -> RoomExplanation {
        let (because, is_planned) = self.why(room, user, plan);
        RoomExplanation {
            room: room.key(self).to_owned(),
            desired: matches!(self.entitlement(room, user), Entitlement::By(_)),
            observed: self.room(room).membership(user).as_str(),
            power: self.explain_power(room, user, plan),
            because,
            is_planned,
        }
    }

    /// What will happen, where something will, and why it is as it is or will be; and whether something will.
    fn why(&self, room: RoomIx, user: UserIx, plan: &Plan) -> (String, bool) {
        if let Some(why) = self.not_looked_at(room, user) {
            return (why, false);
        }
        let text = |because: Because| because.text(self, Some(room), Some(user));
        match evaluate(self, room, user, &MembersInputs::of(self, room)) {
            MembershipVerdict::Do(change, because) => {
                let done = if change.takes() > 0 { "removed" } else { "joined" };
                let outlook = self.outlook(&change, done, plan);
                let is_planned = matches!(outlook, Outlook::Ahead(_));
                (outlook.because(&text(because)), is_planned)
            }
            MembershipVerdict::Blocked(_, because) => (text(because), false),
            MembershipVerdict::Nothing | MembershipVerdict::ClearedLeave(_) => (self.standing_words(room, user), false),
        }
    }

    /// Why nothing is decided about the user in the room, where nothing is.
    fn not_looked_at(&self, room: RoomIx, user: UserIx) -> Option<String> {
        let mirror = self.room(room);
        match &mirror.status {
            RoomStatus::Ready => {}
            RoomStatus::Unread => return Some("the room has not been read".to_owned()),
            RoomStatus::Unreadable(why) => return Some(why.clone()),
        }
        if let Some(named) = mirror.named_successor().filter(|_| mirror.is_upgraded() != Some(false)) {
            return Some(format!("nothing is enforced: the room was replaced by {named}"));
        }
        self.is_exempt(user).then(|| "never touched: the bot, or named by guard.exempt".to_owned())
    }

    /// Why the user's place is as it should be.
    fn standing_words(&self, room: RoomIx, user: UserIx) -> String {
        let text = |because: Because| because.text(self, Some(room), Some(user));
        match self.entitlement(room, user) {
            Entitlement::By(selector) => self.with_entrance(Some(room), user, text(Because::Selector(selector))),
            Entitlement::InDoubt => text(Because::Folded),
            Entitlement::Not if self.room(room).membership(user) == Membership::Join => {
                format!("{}, and nobody is removed from this room", text(Because::NotEntitled))
            }
            Entitlement::Not => text(Because::NotEntitled),
        }
    }
}
