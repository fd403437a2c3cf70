//! The four rooms of the demo, as production has them.

/// One of the four rooms; the number is its place in every list of rooms here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Room {
    Red,
    Staff,
    Analysts,
    Experiencers,
}

impl Room {
    pub(crate) const ALL: [Room; 4] = [Room::Red, Room::Staff, Room::Analysts, Room::Experiencers];

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Its key in the service's configuration.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Room::Red => "red-room",
            Room::Staff => "staff",
            Room::Analysts => "analysts",
            Room::Experiencers => "experiencers",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Room::Red => "The Red Room",
            Room::Staff => "Staff",
            Room::Analysts => "Analysts",
            Room::Experiencers => "Experiencers",
        }
    }

    /// Who belongs there: the selectors of its `members`.
    pub(crate) fn members(self) -> &'static str {
        match self {
            Room::Red => r#"["everyone"]"#,
            Room::Staff => r#"[{ team = "staff" }]"#,
            // The second is the demo's own: it makes a change of role visible.
            Room::Analysts => r#"[{ team = "analysts" }, { team = "staff", role = "lead" }]"#,
            Room::Experiencers => r#"[{ team = "experiencers" }]"#,
        }
    }

    /// The same in words.
    pub(crate) fn members_in_words(self) -> &'static str {
        match self {
            Room::Red => "everyone confirmed in the user pool; nobody is removed",
            Room::Staff => "team staff; everybody else is removed",
            Room::Analysts => "team analysts, and leads of team staff; everybody else is removed",
            Room::Experiencers => "team experiencers; everybody else is removed",
        }
    }
}
