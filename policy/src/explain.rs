//! Why somebody is, or is not, where they are: source row, selector, rule, state. The planner's own evaluation, in words.

use serde::Serialize;

use crate::entitlement::Entitlement;
use crate::facts::Account;
use crate::fight::Fight;
use crate::mirror::{Membership, RoomStatus};
use crate::obstacle::{Obstacle, level_words};
use crate::plan::{Because, Change, Kind, Plan};
use crate::planner::{AdminVerdict, MembersInputs, MembershipVerdict, evaluate, evaluate_admin, why_not};
use crate::policy::{Mode, RoomIx};
use crate::power::{Evaluated, PowerVerdict};
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
    /// What will happen, or how it is, and then why.
    pub fn in_words(&self) -> String {
        let Self { room: _, desired, observed, power, because, is_planned } = self;
        let state = match (desired, *observed) {
            _ if *is_planned => None,
            (true, "join") => Some("belongs and is there"),
            (true, "invite") => Some("belongs and is invited"),
            (true, "ban") => Some("belongs and is banned"),
            (true, _) => Some("belongs and is not there"),
            (false, "join") => Some("does not belong and is there"),
            (false, "invite") => Some("does not belong and is invited"),
            (false, "ban") => Some("is banned"),
            (false, _) => Some("does not belong and is not there"),
        };
        let power = match (*observed, power.desired == power.observed) {
            ("join", _) if *is_planned => None,
            ("join", true) => Some(power_words(power.observed)),
            ("join", false) => {
                Some(format!("{} (should be {})", power_words(power.observed), level_words(power.desired)))
            }
            _ => None,
        };
        match state {
            Some(state) => {
                let power = power.map_or_else(String::new, |power| format!(", {power}"));
                format!("{state}{power}: {because}")
            }
            None => because.clone(),
        }
    }
}

/// A level as what somebody has.
fn power_words(level: i64) -> String {
    if level == 0 { "as an ordinary member".to_owned() } else { format!("power {}", level_words(level)) }
}

/// Power levels, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PowerExplanation {
    pub desired: i64,
    pub observed: i64,
    pub because: String,
}

/// What is said of what the guard holds.
const HELD: &str = "held for approval, and nothing is taken until then (`plan` says why)";
const REMOVAL_HELD: &str = "will be removed once somebody approves it, and not before (`plan` says why)";

fn is_held(plan: &Plan, change: &Change) -> bool {
    plan.of(change.room(), change.kind()).iter().any(|action| action.is_held() && action.change.user() == change.user())
}

fn is_level_held(plan: &Plan, room: RoomIx, user: UserIx) -> bool {
    let mut held = plan.of(Some(room), Kind::SetPowerLevels).iter().filter(|action| action.is_held());
    held.any(|action| match &action.change {
        Change::SetPowerLevels { edits, .. } => edits.iter().any(|edit| edit.user() == Some(user)),
        _ => false,
    })
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

    /// Why the user is, or is not, in each room. `plan` is the world's: it says what is held.
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
            AdminVerdict::Do(change, _) if self.fight(&change).is_some() => {
                self.fight(&change).map(Fight::text).unwrap_or_default()
            }
            AdminVerdict::Do(change, because) if is_held(plan, &change) => format!("{HELD}: {}", text(because)),
            AdminVerdict::Do(change, because) if change.takes() > 0 => {
                format!("will be revoked: {}", text(because))
            }
            AdminVerdict::Do(_, because) => format!("will be granted: {}", text(because)),
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
            () if !on_server.present => ", none on Synapse",
            () if on_server.deactivated => ", deactivated on Synapse",
            () if on_server.locked => ", locked on Synapse",
            () if self.mirror.accounts.is_suspended(user) => ", suspended on Synapse",
            () => "",
        };
        format!("{upstream}{there}")
    }

    fn explain_room(&self, room: RoomIx, user: UserIx, plan: &Plan) -> RoomExplanation {
        let (outlook, why) = self.why(room, user, plan);
        RoomExplanation {
            room: room.key(self).to_owned(),
            desired: matches!(self.entitlement(room, user), Entitlement::By(_)),
            observed: self.room(room).membership(user).as_str(),
            power: self.explain_power(room, user, plan),
            because: outlook.map_or_else(|| why.clone(), |outlook| format!("{outlook}: {why}")),
            is_planned: outlook.is_some(),
        }
    }

    /// What will happen, where something will, and why it is as it is or will be.
    fn why(&self, room: RoomIx, user: UserIx, plan: &Plan) -> (Option<&'static str>, String) {
        if let Some(why) = self.not_looked_at(room, user) {
            return (None, why);
        }
        let text = |because: Because| because.text(self, Some(room), Some(user));
        match evaluate(self, room, user, &MembersInputs::of(self, room)) {
            MembershipVerdict::Do(change, because) => match self.fight(&change) {
                Some(fight) => (None, fight.text()),
                None => (Some(self.outlook(&change, plan)), text(because)),
            },
            MembershipVerdict::Blocked(_, because) => (None, text(because)),
            MembershipVerdict::Nothing | MembershipVerdict::ClearedLeave(_) => (None, self.standing_words(room, user)),
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

    /// What will come of a planned change.
    fn outlook(&self, change: &Change, plan: &Plan) -> &'static str {
        match (change.takes() > 0, change.class().mode(&self.policy.modes)) {
            _ if is_held(plan, change) => REMOVAL_HELD,
            (true, Mode::Enforce) => "will be removed at the next pass",
            (true, Mode::Observe) => "would be removed, and removals are only counted",
            (false, Mode::Enforce) => "will be joined at the next pass",
            (false, Mode::Observe) => "would be joined, and joins are only counted",
        }
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

    /// A creator of a version 12 room is shown with the level that Synapse counts with, which no number in a room reaches.
    fn explain_power(&self, room: RoomIx, user: UserIx, plan: &Plan) -> PowerExplanation {
        let levels = match self.room(room).levels() {
            Ok(levels) => levels,
            Err(_) => {
                let because = Obstacle::Unreadable.text(self, Some(room), Some(user));
                let desired = self.granted(room, user).map_or(0, |granted| granted.level);
                return PowerExplanation { desired, observed: 0, because };
            }
        };
        let mxid = self.users.mxid(user);
        let Evaluated { desired, observed, verdict } = self.evaluate_power(room, user, &levels);
        let words = || self.power_words(room, user);
        let because = match verdict {
            _ if levels.is_above_all(&mxid) => {
                return PowerExplanation {
                    desired: observed,
                    observed,
                    because: "a creator of the room, above all levels".to_owned(),
                };
            }
            _ if self.power[room.index()].is_empty() => {
                let because = "the room has no power in the configuration: nobody's level is touched".to_owned();
                return PowerExplanation { desired: observed, observed, because };
            }
            PowerVerdict::LeftAlone if self.is_exempt(user) => {
                "never touched: the bot, or named by guard.exempt".to_owned()
            }
            PowerVerdict::LeftAlone => crate::Because::Folded.text(self, Some(room), Some(user)),
            PowerVerdict::Right if observed < levels.default_level() && self.granted(room, user).is_none() => {
                format!("{}, and a level below the room's default is left alone", words())
            }
            PowerVerdict::Right => words(),
            PowerVerdict::Edit(edit) if self.level_fight(room, edit).is_some() => {
                self.level_fight(room, edit).map(Fight::text).unwrap_or_default()
            }
            PowerVerdict::Edit(edit) if edit.lowers && is_level_held(plan, room, user) => {
                format!("{HELD}: {}", words())
            }
            PowerVerdict::Edit(edit) if edit.lowers => format!("to be lowered: {}", words()),
            PowerVerdict::Edit(_) => format!("to be raised: {}", words()),
            PowerVerdict::Blocked(obstacle) => obstacle.text(self, Some(room), Some(user)),
            PowerVerdict::ByDefault if self.default_to_be(room, &levels) == levels.default_level() => {
                format!("{}, and users_default gives more; it should be 0 (`plan` says what is in the way)", words())
            }
            PowerVerdict::ByDefault => format!("{}, and users_default, which gives more, is to be 0 again", words()),
        };
        PowerExplanation { desired, observed, because }
    }
}
