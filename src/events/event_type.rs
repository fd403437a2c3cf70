//! The types of event: a contract with others. One that was published is never renamed; one that has to mean something else
//! is a new one, with another version.

/// Before each type.
const PREFIX: &str = "app.thephenom.provisioner";

/// The version of each type so far.
const VERSION: &str = "v1";

macro_rules! event_types {
    ($($(#[$about:meta])* $variant:ident = $name:literal,)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$about])* $variant,)+
        }

        impl EventType {
            /// Every type.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Without prefix and version: a label of metrics.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

event_types! {
    /// An account was made on our own server.
    AccountCreated = "account.created",
    AccountLocked = "account.locked",
    /// A lock of our own was taken back.
    AccountUnlocked = "account.unlocked",
    AccountDeactivated = "account.deactivated",
    /// A deactivation of our own was taken back.
    AccountReactivated = "account.reactivated",
    MemberJoined = "member.joined",
    /// Removed or banned, or an invitation was taken back.
    MemberRemoved = "member.removed",
    /// By their own choice.
    MemberLeft = "member.left",
    /// The level of one person in one room.
    PowerChanged = "power.changed",
    ServerAdminGranted = "server_admin.granted",
    ServerAdminRevoked = "server_admin.revoked",
    /// What acts take in a room.
    RoomLevelsChanged = "room.levels_changed",
    RoomSettingChanged = "room.setting_changed",
    /// The policy of a room that was replaced moved to its successor.
    RoomFollowed = "room.followed",
    PlanHeld = "plan.held",
    PlanApproved = "plan.approved",
    PlanDismissed = "plan.dismissed",
    /// Nothing of it is held any more.
    PlanExpired = "plan.expired",
    ServicePaused = "service.paused",
    ServiceResumed = "service.resumed",
    AlertOpened = "alert.opened",
    AlertClosed = "alert.closed",
}

impl EventType {
    /// As `type` says it: also the attribute that subscriptions filter on.
    pub fn full_name(self) -> String {
        format!("{PREFIX}.{}", self.versioned())
    }

    /// `member.joined.v1`: the name of its schema's file.
    pub fn versioned(self) -> String {
        format!("{}.{VERSION}", self.name())
    }
}
