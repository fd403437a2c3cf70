//! The plan as data: what would be done, what is in the way, and why. Execution, preview, guard and ledger use this one
//! value; it holds numbers, and [`crate::view`] turns them into words.

mod change;
pub(crate) mod digest;
mod effect;
pub(crate) mod key;
pub(crate) mod kind;
mod turn;

pub use change::{Change, PowerEdit};
pub use digest::Digest;
pub use key::{ChangeKey, Subject};
pub use kind::{ActsOn, Bucket, Class, Kind};
pub use turn::Turn;

use strum::IntoStaticStr;

use crate::names::NameIx;
use crate::obstacle::Obstacle;
use crate::policy::Mode;
use crate::policy::RoomIx;
use crate::setting::Setting;
use crate::users::UserIx;
use crate::world::World;

/// Why something is planned, or why it is not done. Its names go into the ledger and to others: one that was published stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Because {
    /// This selector of the room (counted from 0) matches.
    Selector(u16),
    /// This selector of `[server_admins]` (counted from 0) matches.
    AdminSelector(u16),
    /// It matches, and what it depends on cannot be read.
    AdminSelectorUnreadable(u16),
    /// Nobody's flag is taken, because a source of `[server_admins]` cannot be relied on.
    AdminsFrozen,
    /// A source names the user and Synapse has no such account.
    NoAccountYet,
    /// The user is known, and no selector of the room matches.
    NotEntitled,
    /// No source knows this MXID.
    NobodyKnows,
    /// The user belongs here no longer, was removed, and came back by themselves again and again.
    CameBack,
    /// The user is banned from the room.
    Banned,
    /// The user left by choice.
    LeftByChoice,
    /// Others invited, removed or banned the user, and whether they had left by choice before is not known yet.
    PastUnread,
    /// The account is deactivated on the homeserver.
    Deactivated,
    /// The account is locked on the homeserver.
    Locked,
    /// The account is suspended on the homeserver.
    Suspended,
    /// There is no account, and none will be made.
    AccountMissing,
    /// Synapse's accounts have not been listed yet, so whether there is one is not known.
    AccountsUnlisted,
    /// Two subjects fold to this MXID.
    Folded,
    /// The room's freeze, see [`crate::Freeze`].
    Frozen,
    /// The pool has not said yet whether it has the account, or not since its owner got what would be taken.
    Unconfirmed,
    /// The pool disabled the account.
    PoolDisabled,
    /// The pool was asked and does not know the account.
    PoolRefused,
    /// The pool no longer has the account.
    PoolDeleted,
    /// The pool has the account enabled again, and the lock or deactivation was ours.
    Restored,
    /// The setting of the room is not what the policy says.
    Drifted(Setting),
    /// The grants of the room; the words for it name each person's.
    Grants,
    /// A source says a name or picture, and the account has none of its owner's.
    ProfileEmpty,
    /// The source says another than the one that was given.
    ProfileFollows,
    /// Its owner chose another, and the policy keeps to the source's.
    ProfileKept,
    /// Something about power levels or settings that somebody must mend.
    Obstacle(Obstacle),
}

impl Because {
    /// The reason as a word of a fixed set, with nothing of anybody in it; of a setting that drifted also which.
    pub fn code(self) -> String {
        let word: &'static str = self.into();
        match self {
            Self::Drifted(setting) => format!("{word}:{}", setting.key()),
            _ => word.to_owned(),
        }
    }
}

/// Why the guard holds an action back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// More in all of its class than `max_removals`: this many within the window, this pass included. So many of them were done
    /// before it.
    Total { class: Class, taken: u32, earlier: u32 },
    /// More than the free ones and more than `max_fraction` of the room (of the admins, of the accounts): this many of this many.
    /// So many of them were done before this pass.
    Fraction { class: Class, taken: u32, earlier: u32, of: u32 },
    /// The roster answered no row at all.
    EmptyRoster,
    /// A group that a selector names has nobody in it.
    EmptyGroup,
    /// A team that a selector names had people and has nobody any more, while others have: renamed, perhaps to this.
    EmptyTeam { team: NameIx, renamed: Option<NameIx> },
    /// They got it while a source could not be believed: whether they were entitled to it, nobody can say.
    InDoubt,
    /// It was held before, and nobody has approved it: neither the window nor a smaller plan lets it go.
    Shown,
}

/// One planned change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub change: Change,
    pub mode: Mode,
    pub held: Option<HoldReason>,
    pub because: Because,
}

impl Action {
    /// Whether this pass carries it out.
    pub fn is_due(&self) -> bool {
        self.mode == Mode::Enforce && self.held.is_none()
    }

    /// Whether it waits for approval and would be carried out with it.
    pub fn is_held(&self) -> bool {
        self.mode == Mode::Enforce && self.held.is_some()
    }

    /// Each part of its change as an action of its own.
    pub fn parts(&self) -> impl Iterator<Item = Self> {
        self.change.parts().map(|part| Self { change: part.into_owned(), ..*self })
    }

    /// How many parts it has. This is what people are told: each level of a room is one of them.
    pub fn part_count(&self) -> usize {
        self.change.parts().count()
    }
}

/// Something that should be so and cannot or may not be made so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Blocked {
    pub kind: Kind,
    pub room: Option<RoomIx>,
    pub user: UserIx,
    pub because: Because,
}

/// A leave by choice that is no longer respected, because the entitlement was lost since.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClearedLeave {
    pub room: RoomIx,
    pub user: UserIx,
    pub event_id: Box<str>,
}

/// Most of the roster's subjects changed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolMove {
    /// People of the roster, and those of them who are new: in none of the rooms yet, or joined only lately.
    pub roster: usize,
    pub arriving: usize,
    /// People who are to be removed and are not in the roster.
    pub going: usize,
}

/// What a pass would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of accounts, then rooms as configured; within them by kind and by user.
    pub actions: Vec<Action>,
    pub blocked: Vec<Blocked>,
    pub cleared_leaves: Vec<ClearedLeave>,
    /// What somebody keeps undoing: due, and not done again for now.
    pub fought_over: Vec<Action>,
    /// Rooms in which nothing is planned: unread, unreadable, or replaced by another.
    pub idle_rooms: Vec<RoomIx>,
    /// What the plan looks like as a whole.
    pub pool_move: Option<PoolMove>,
}

impl Plan {
    /// Whether there is nothing to do, in any mode.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The actions of one kind in one room, or in none.
    pub fn of(&self, room: Option<RoomIx>, kind: Kind) -> &[Action] {
        let place = |action: &Action| (action.change.room(), action.change.kind());
        let start = self.actions.partition_point(|action| place(action) < (room, kind));
        let end = self.actions.partition_point(|action| place(action) <= (room, kind));
        &self.actions[start..end]
    }

    /// Whether this change is among the actions, or this level in one of them.
    pub fn has(&self, world: &World, key: &ChangeKey) -> bool {
        let of_kind = self.of(key.room, key.kind);
        if let Subject::Level(..) = key.subject {
            return of_kind.iter().any(|action| action.change.counted().any(|one| one == *key));
        }
        let name = |user: Option<UserIx>| user.map(|user| world.users.key(user));
        let start = of_kind.partition_point(|action| name(action.change.user()) < name(key.user()));
        let same =
            of_kind[start..].iter().map(|action| &action.change).take_while(|change| change.user() == key.user());
        same.into_iter().any(|change| change.key() == *key)
    }

    /// Whether anything is taken from anybody.
    pub fn takes(&self, world: &World) -> bool {
        let taking =
            |of_a_room| Kind::ALL.into_iter().filter(move |kind| kind.takes() && kind.is_of_a_room() == of_a_room);
        let server = taking(false).map(|kind| (None, kind));
        let of_room = |room| taking(true).map(move |kind| (Some(room), kind));
        let mut slots = server.chain(world.rooms().flat_map(of_room));
        slots.any(|(room, kind)| self.of(room, kind).iter().any(|action| action.change.takes() > 0))
    }

    /// Everybody that something is taken from, as often as they lose something. An everyday plan takes little, so this looks at
    /// little, however much is given beside it.
    pub fn losing<'a>(&'a self, world: &'a World) -> impl Iterator<Item = UserIx> + 'a {
        let taking =
            |of_a_room| Kind::ALL.into_iter().filter(move |kind| kind.takes() && kind.is_of_a_room() == of_a_room);
        let of_room = move |room| taking(true).map(move |kind| (Some(room), kind));
        let slots = taking(false).map(|kind| (None, kind)).chain(world.rooms().flat_map(of_room));
        slots.flat_map(|(room, kind)| self.of(room, kind)).flat_map(|action| action.change.loses())
    }

    /// What this pass carries out.
    pub fn due(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_due())
    }

    /// What waits for approval and would be carried out with it.
    pub fn held(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_held())
    }
}
