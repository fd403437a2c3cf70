//! A step, taken.

use provisioner_policy::*;
use serde_json::Value;

use crate::carry_out::carry_out;
use crate::steps::Step;
use crate::{BOT, SERVER, mxid};

pub(crate) fn event(content: Value) -> StateEvent {
    StateEvent { content, sender: mxid(2), event_id: "$e".into() }
}

pub(crate) fn happen(world: &mut World, recent: &mut Recent, step: Step) {
    let room = |world: &World, number: usize| world.rooms().nth(number).expect("a room of the policy");
    match step {
        Step::Roster(rows) => {
            let name = |one: bool, this: &str, other: &str| if one { this.to_owned() } else { other.to_owned() };
            let rows = rows.into_iter().enumerate().map(|(at, (subject, team, role))| RosterRow {
                // Every fifth row is spelt otherwise: two such fold.
                subject: subject.map(|subject| format!("{}{subject}", if at % 5 == 4 { "U" } else { "u" })),
                team: team.map(|team| name(team, "staff", "analysts")),
                role: role.map(|role| name(role, "lead", "member")),
            });
            world.set_roster(read_roster(rows, SERVER, BOT));
        }
        Step::RosterFails => world.fail_roster("gone"),
        Step::Account(user, account, closed, folded) => world.set_account(&mxid(user), account, closed, folded),
        Step::ClosedByUs(user, closed) => {
            let user = world.intern(&mxid(user));
            world.set_closed(user, closed);
        }
        Step::Group(admins, state, members) => {
            let name = if admins { "admins" } else { "others" };
            world.set_group(name, state, members.into_iter().map(mxid));
        }
        Step::AccountsFrom(from) => world.set_accounts_from(from),
        Step::Pool(state) => world.set_pool(state),
        Step::Listed(listed) => world.set_accounts_listed(listed),
        Step::OnServer(user, state) => world.set_on_server(&mxid(user), state),
        Step::Standing(number, standing) => world.set_standing(room(world, number), standing),
        Step::Membership(number, user, membership, by_event) => {
            world.set_membership(room(world, number), &mxid(user), membership, by_event.then_some("$left"));
        }
        Step::Pardon(number, user, this) => {
            let user = world.intern(&mxid(user));
            world.pardon(room(world, number), user, if this { "$left" } else { "$other" });
        }
        Step::State(number, kind, content) => world.set_state(room(world, number), kind, event(content)),
        Step::Edited(number, before, after) => drop(world.note_edit(room(world, number), &before, &after, &[])),
        Step::Lost(number, from, was, is) => world.note_lost(room(world, number), &from, &was, &is),
        Step::Aged(number) => world.age_restorations(room(world, number)),
        Step::ReadAnew(number, members, levels) => {
            let room = room(world, number);
            let mut anew = world.room_anew(room, if number == 0 { "12".into() } else { "10".into() });
            for (user, membership) in members {
                anew.take_membership(world.intern(&mxid(user)), membership, Some("$left"));
            }
            if let Some(content) = levels {
                world.take_state(&mut anew, POWER_LEVELS, event(content));
            }
            anew.standing = Standing::Ready;
            world.set_room(room, anew);
        }
        Step::Follow(moved) => {
            let one = |number: usize| Followed {
                configured: format!("!room{number}:{SERVER}"),
                id: format!("!next{number}:{SERVER}"),
                by: "somebody".into(),
                at: "today".into(),
                departures: vec![(mxid(4), "$left".into())],
            };
            world.follow(moved.map(one).into_iter().collect());
            world.inherit_departures();
        }
        Step::Quarrel(which) => {
            let plan = plan(world, recent);
            let change = plan.actions.get(which % plan.actions.len().max(1)).map(|action| &action.change);
            if let Some(key) = change.and_then(|change| change.counted().into_iter().next()) {
                let quarrel = Quarrel { times: 5, window_minutes: 10, by: None, again_at: "later".into() };
                world.begin_quarrel(key, quarrel);
            }
        }
        Step::QuarrelsEnd => {
            let keys: Vec<ChangeKey> = world.quarrels.keys().copied().collect();
            keys.iter().for_each(|key| world.end_quarrel(key));
        }
        Step::Seen(user) => drop(world.intern(&mxid(user))),
        Step::Taken(number, taken) => {
            recent.taken.insert((Class::Removals, Some(room(world, number))), taken);
        }
        Step::CarriedOut => carry_out(world, recent),
        Step::OtherPlanner => drop(Planner::default().plan(world, recent)),
    }
}
