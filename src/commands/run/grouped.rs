//! Planned changes as lists: those of one kind in one room together, and a reason that several of them share once, in front of
//! the names.

use std::collections::BTreeMap;

use provisioner_policy::{Action, Kind, Mode, World};

use crate::commands::text::reply::{Piece, Reply, code, marked, strong, text};

/// A part of an action in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanLine {
    pub(crate) key: GroupKey,
    pub(crate) user: String,
    pub(crate) because: String,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub(crate) room: String,
    pub(crate) kind: Kind,
    /// What keeps it from being done; mostly nothing.
    pub(crate) state: &'static str,
}

/// How many parts of each room, kind and state there are.
pub(crate) type Counts = BTreeMap<GroupKey, usize>;

/// At most so many parts of `actions` in words, and how many there are of each room, kind and state.
pub(crate) fn plan_lines<'a>(
    world: &World,
    actions: impl Iterator<Item = &'a Action>,
    limit: usize,
) -> (Vec<PlanLine>, Counts) {
    let (mut lines, mut counts) = (Vec::new(), Counts::new());
    for action in actions.flat_map(Action::parts) {
        let room = action.change.room().map_or_else(String::new, |room| room.key(world).to_owned());
        let state = match (action.mode, action.held) {
            (Mode::Observe, _) => "only counted",
            (Mode::Enforce, Some(_)) => "held",
            (Mode::Enforce, None) => "",
        };
        let key = GroupKey { room, kind: action.change.kind(), state };
        *counts.entry(key.clone()).or_default() += 1;
        if lines.len() < limit {
            let view = action.view(world);
            lines.push(PlanLine { key, user: view.user.unwrap_or_default(), because: view.because });
        }
    }
    (lines, counts)
}

/// How many of what, an entry each.
pub(crate) fn count_list(counts: &Counts) -> impl Iterator<Item = Vec<Piece>> {
    counts.iter().map(|(key, count)| {
        let mut entry = key.pieces();
        entry.push(text(format!(": {count}")));
        entry.extend(key.state_piece());
        entry
    })
}

/// Changes group by group, in the order in which each comes first. Those with a reason of their own come before those who share
/// one. States are said where the list is not of one state alone, which says it by itself.
pub(crate) fn grouped(lines: &[PlanLine], with_state: bool) -> Reply {
    let mut groups: Vec<(&GroupKey, Vec<&PlanLine>)> = Vec::new();
    for line in lines {
        match groups.iter_mut().find(|(key, _)| **key == line.key) {
            Some((_, known)) => known.push(line),
            None => groups.push((&line.key, vec![line])),
        }
    }
    let of_group = |reply: Reply, (key, lines): (&GroupKey, Vec<&PlanLine>)| {
        let heading = || {
            let state = if with_state { key.state_piece() } else { None };
            key.pieces().into_iter().chain(state).collect::<Vec<_>>()
        };
        let (shared, own) = by_reason(lines);
        let reply = match own.is_empty() {
            true => reply,
            false => reply.and_pieces([heading(), vec![text(":")]].concat()).and_list(own.into_iter().map(alone)),
        };
        shared.into_iter().fold(reply, |reply, (reason, lines)| {
            let is_whole = lines.iter().all(|line| line.because == reason);
            let rest = |line: &PlanLine| line.because[reason.len()..].to_owned();
            let entry = |line: &&PlanLine| match is_whole {
                true => vec![code(&line.user)],
                false => vec![code(&line.user), text(rest(line))],
            };
            reply.and_pieces([heading(), reason_pieces(": ", reason)].concat()).and_list(lines.iter().map(entry))
        })
    };
    groups.into_iter().fold(Reply::default(), of_group)
}

/// Lines by a reason that several of them share, and those that share none.
type ByReason<'a> = (Vec<(&'a str, Vec<&'a PlanLine>)>, Vec<&'a PlanLine>);

fn by_reason(lines: Vec<&PlanLine>) -> ByReason<'_> {
    let mut reasons: Vec<(&str, Vec<&PlanLine>)> = Vec::new();
    for line in lines {
        // A change that is about nobody by itself has nobody to be listed.
        let same = |(reason, known): &&mut (&str, Vec<&PlanLine>)| {
            !line.user.is_empty() && known.iter().all(|one| !one.user.is_empty()) && *reason == shareable(line)
        };
        match reasons.iter_mut().find(same) {
            Some((_, known)) => known.push(line),
            None => reasons.push((shareable(line), vec![line])),
        }
    }
    let (mut shared, alone): (Vec<_>, Vec<_>) = reasons.into_iter().partition(|(_, lines)| lines.len() > 1);
    for (reason, lines) in &mut shared {
        // Where all of it is the same, all of it is said once.
        let first = lines[0];
        if lines.iter().all(|line| line.because == first.because) {
            *reason = &first.because;
        }
    }
    (shared, alone.into_iter().flat_map(|(_, lines)| lines).collect())
}

/// What others may share of a reason: how somebody came in, which stands in brackets at its end, is their own.
fn shareable(line: &PlanLine) -> &str {
    match line.because.rsplit_once(" (") {
        Some((reason, own)) if own.ends_with(')') => reason,
        _ => &line.because,
    }
}

/// A change with its own reason.
fn alone(line: &PlanLine) -> Vec<Piece> {
    match line.user.is_empty() {
        true => reason_pieces("", &line.because),
        false => [vec![code(&line.user)], reason_pieces(": ", &line.because)].concat(),
    }
}

fn reason_pieces(before: &str, reason: &str) -> Vec<Piece> {
    marked(&format!("{before}{reason}"), str::to_owned)
}

impl GroupKey {
    /// What is done, and where.
    fn pieces(&self) -> Vec<Piece> {
        let what = strong(words(self.kind));
        if self.room.is_empty() { vec![what] } else { vec![what, text(" "), code(&self.room)] }
    }

    fn state_piece(&self) -> Option<Piece> {
        (!self.state.is_empty()).then(|| text(format!(", {}", self.state)))
    }
}

/// What a change does, before the room or the user that it is done to.
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::CreateAccount => "Create account",
        Kind::LockAccount => "Lock account",
        Kind::DeactivateAccount => "Deactivate account",
        Kind::GrantServerAdmin => "Make server admin",
        Kind::RevokeServerAdmin => "Take server admin from",
        Kind::SetDisplayName => "Set display name",
        Kind::SetAvatar => "Set avatar",
        Kind::SetRoomState => "Change settings of",
        Kind::Join => "Join to",
        Kind::Remove => "Remove from",
        Kind::SetPowerLevels => "Change power levels in",
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Because, Change, HoldReason, LevelOf, Policy, PowerEdit, RoomPolicy};

    use super::*;

    fn line(kind: Kind, room: &str, user: &str, because: &str) -> PlanLine {
        let key = GroupKey { room: room.to_owned(), kind, state: "held" };
        PlanLine { key, user: user.to_owned(), because: because.to_owned() }
    }

    fn plain(lines: &[PlanLine]) -> String {
        grouped(lines, false).render().plain
    }

    #[test]
    fn a_reason_that_several_share_is_said_once_and_one_that_differs_stays_with_the_person() {
        let went = "was member of staff until noon, when the row went";
        let on = |day: u8| format!("{went} (joined by the service on day {day})");
        let lines = [
            line(Kind::Remove, "staff", "@a:a", &on(1)),
            line(
                Kind::Remove,
                "staff",
                "@b:a",
                "was lead of staff until noon, when the row went (joined by the service on day 1)",
            ),
            line(Kind::Remove, "staff", "@c:a", &on(2)),
            line(Kind::Remove, "analysts", "@a:a", &on(1)),
            line(Kind::Remove, "analysts", "@c:a", &on(1)),
            line(Kind::SetPowerLevels, "staff", "", "@a:a from 50 to 0"),
            line(Kind::SetPowerLevels, "staff", "", "@a:a from 50 to 0"),
        ];
        insta::assert_snapshot!(plain(&lines), @r"
        Remove from staff:
        - @b:a: was lead of staff until noon, when the row went (joined by the service on day 1)
        Remove from staff: was member of staff until noon, when the row went
        - @a:a (joined by the service on day 1)
        - @c:a (joined by the service on day 2)
        Remove from analysts: was member of staff until noon, when the row went (joined by the service on day 1)
        - @a:a
        - @c:a
        Change power levels in staff:
        - @a:a from 50 to 0
        - @a:a from 50 to 0
        ");
    }

    #[test]
    fn each_level_of_a_room_is_a_line_and_counts() {
        let (server_name, bot, rooms) =
            ("a".to_owned(), "@bot:a".to_owned(), vec![RoomPolicy::new("staff", "!r:a", vec![])]);
        let mut world = World::new(Policy { server_name, bot, rooms, ..Policy::default() });
        let room = world.rooms().next().unwrap();
        let lowered =
            |mxid| PowerEdit { of: LevelOf::User(world.intern(mxid)), before: Some(50), after: None, lowers: true };
        let change = Change::SetPowerLevels { room, edits: ["@a:a", "@b:a"].map(lowered).into() };
        let held = Some(HoldReason::Shown);
        let action = Action { change, mode: Mode::Enforce, held, because: Because::Grants };
        let (lines, counts) = plan_lines(&world, std::iter::once(&action), 1);
        assert_eq!((lines.len(), counts[&lines[0].key]), (1, 2));
        assert!(lines[0].because.starts_with("@a:a from 50 to the default: "), "{lines:?}");
    }

    #[test]
    fn counts_are_a_list_and_say_what_keeps_it_from_being_done() {
        let key = |room: &str, kind, state| GroupKey { room: room.to_owned(), kind, state };
        let counts: Counts = [
            (key("", Kind::CreateAccount, ""), 1),
            (key("staff", Kind::Join, "only counted"), 2),
            (key("staff", Kind::Remove, "held"), 3),
        ]
        .into();
        let reply = Reply::default().and_list(count_list(&counts)).render();
        assert_eq!(reply.plain, "- Create account: 1\n- Join to staff: 2, only counted\n- Remove from staff: 3, held");
        assert!(
            reply.html.contains("<li><strong>Remove from</strong> <code>staff</code>: 3, held</li>"),
            "{}",
            reply.html
        );
    }
}
