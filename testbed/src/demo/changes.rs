//! The dozen changes: most are rows of `team_members`, some are made by hand in the rooms.

use anyhow::Result;
use comfy_table::Cell;

use super::cast::{EXEMPT, by_name};
use super::house::House;
use super::rooms::Room;
use super::screen::Screen;

/// Who bans and invites by hand, with power in Staff.
pub(crate) const MODERATOR: &str = "Ada";
pub(crate) const MODERATOR_POWER: i64 = 50;

/// What somebody does, to a row or in a room.
#[derive(Debug, Clone, Copy)]
enum DemoStep {
    Insert { team: &'static str },
    Delete { team: &'static str },
    SetRole { team: &'static str, role: &'static str },
    Move { from: &'static str, to: &'static str },
    LeaveRoom(Room),
    InvitedTo(Room),
    JoinedByHand(Room),
}

struct Change {
    who: &'static str,
    deed: DemoStep,
    /// What happens, for the reader.
    text: &'static str,
    /// What should come of it.
    expect: &'static str,
}

const CHANGES: [Change; 12] = [
    Change {
        who: "Kim",
        deed: DemoStep::Insert { team: "analysts" },
        text: "new analyst, new in the pool, too",
        expect: "gets an account, joins two rooms",
    },
    Change {
        who: "Leo",
        deed: DemoStep::Insert { team: "experiencers" },
        text: "new experiencer",
        expect: "joins Experiencers",
    },
    Change {
        who: "Gil",
        deed: DemoStep::Insert { team: "analysts" },
        text: "also in analysts now",
        expect: "joins Analysts, keeps Experiencers",
    },
    Change {
        who: "Cleo",
        deed: DemoStep::SetRole { team: "staff", role: "lead" },
        text: "promoted to lead of staff",
        expect: "joins Analysts (staff leads may)",
    },
    Change {
        who: "Dan",
        deed: DemoStep::SetRole { team: "analysts", role: "member" },
        text: "is a member, no longer a lead",
        expect: "nothing: no room asks for it",
    },
    Change {
        who: "Finn",
        deed: DemoStep::Move { from: "analysts", to: "experiencers" },
        text: "moves, analysts to experiencers",
        expect: "out of one room, into the other",
    },
    Change {
        who: "Ben",
        deed: DemoStep::Delete { team: "staff" },
        text: "no longer in staff",
        expect: "out of Staff, keeps the Red Room",
    },
    Change {
        who: "Nils",
        deed: DemoStep::Insert { team: "staff" },
        text: "in staff now, but banned there",
        expect: "a ban wins: reported, not joined",
    },
    Change {
        who: "Ivo",
        deed: DemoStep::LeaveRoom(Room::Experiencers),
        text: "leaves Experiencers by choice",
        expect: "respected: reported, not joined",
    },
    Change {
        who: "Mallory",
        deed: DemoStep::InvitedTo(Room::Staff),
        text: "an outsider, invited to Staff",
        expect: "the invitation is withdrawn",
    },
    Change {
        who: "Pia",
        deed: DemoStep::JoinedByHand(Room::Analysts),
        text: "a former pool's id, in Analysts",
        expect: "removed: no source knows that id",
    },
    Change {
        who: EXEMPT,
        deed: DemoStep::JoinedByHand(Room::Experiencers),
        text: "an integration, in Experiencers",
        expect: "nothing: guard.exempt names it",
    },
];

/// What is there besides the table, the pool and the service's work: a ban, two accounts, an integration in Staff.
///
/// # Errors
/// When Synapse refuses.
pub(crate) async fn prepare(house: &House) -> Result<()> {
    for name in ["Mallory", "Pia", EXEMPT] {
        house.bot.put_user(&house.mxid(by_name(name)), serde_json::json!({})).await?;
    }
    house.bot.force_join(house.room(Room::Staff), &house.mxid(by_name(EXEMPT))).await?;
    let moderator = house.hands_of(by_name(MODERATOR)).await?;
    moderator.ban(house.room(Room::Staff), &house.mxid(by_name("Nils"))).await
}

/// Makes them all.
///
/// # Errors
/// When Postgres, the pool or Synapse refuses one.
pub(crate) async fn make(house: &House) -> Result<()> {
    house.cloud.add_the_latecomer().await?;
    for Change { who, deed, .. } in &CHANGES {
        let actor = by_name(who);
        let mxid = house.mxid(actor);
        match *deed {
            DemoStep::Insert { team } => house.hasura.add(actor.sub, team, "member").await?,
            DemoStep::Delete { team } => house.hasura.remove(actor.sub, team).await?,
            DemoStep::SetRole { team, role } => house.hasura.set_role(actor.sub, team, role).await?,
            DemoStep::Move { from, to } => house.hasura.move_to(actor.sub, from, to).await?,
            DemoStep::LeaveRoom(room) => house.login(actor).await?.leave(house.room(room)).await?,
            DemoStep::InvitedTo(room) => {
                house.hands_of(by_name(MODERATOR)).await?.invite(house.room(room), &mxid).await?;
            }
            DemoStep::JoinedByHand(room) => house.bot.force_join(house.room(room), &mxid).await?,
        }
    }
    Ok(())
}

/// The list, with what should come of each.
pub(crate) fn show(screen: &Screen) {
    let mut table = screen.table(&["", "who", "change", "what happens", "what should come of it"]);
    for (number, Change { who, deed, text, expect }) in (1..).zip(&CHANGES) {
        let kind = match deed {
            DemoStep::Insert { .. } => "INSERT",
            DemoStep::Delete { .. } => "DELETE",
            DemoStep::SetRole { .. } | DemoStep::Move { .. } => "UPDATE",
            DemoStep::LeaveRoom(_) | DemoStep::InvitedTo(_) | DemoStep::JoinedByHand(_) => "by hand",
        };
        table.add_row([&number.to_string(), *who, kind, text, expect].map(Cell::new));
    }
    screen.say(&table.to_string());
}
