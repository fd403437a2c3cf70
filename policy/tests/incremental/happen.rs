//! A step, taken.

use provisioner_policy::*;
use serde_json::Value;

use crate::carry_out::carry_out;
use crate::read_again::read_again;
use crate::steps::Step;
use crate::{BOT, SERVER, localpart, mxid};

pub(crate) fn event(content: Value) -> StateEntry {
    StateEntry { content, sender: mxid(2), event_id: "$e".into() }
}

pub(crate) fn happen(world: &mut World, recent: &mut Recent, step: Step) {
    let room = |world: &World, number: usize| world.rooms().nth(number).expect("a room of the policy");
    match step {
        Step::Roster(rows) => {
            let name = |one: bool, this: &str, other: &str| if one { this.to_owned() } else { other.to_owned() };
            let rows = rows.into_iter().enumerate().map(|(at, (subject, team, role))| RosterRow {
                // Every fifth row is spelt otherwise: two such fold.
                subject: subject.map(localpart).map(|name| if at % 5 == 4 { name.to_uppercase() } else { name }),
                team: team.map(|team| name(team, "staff", "analysts")),
                role: role.map(|role| name(role, "lead", "member")),
            });
            world.set_roster(read_roster(rows, SERVER, BOT));
        }
        Step::RosterIs(state) => world.set_roster_state(state),
        Step::EmptiedTeams(staff, analysts) => {
            let teams = [("staff", staff), ("analysts", analysts)].into_iter().filter(|(_, is)| *is);
            world.set_emptied_teams(&teams.map(|(team, _)| (team.to_owned(), None)).collect());
        }
        Step::Account(user, account, closed, folded) => world.set_account(&mxid(user), account, closed, folded),
        Step::ClosedByUs(user, closed) => {
            let user = world.intern(&mxid(user));
            world.set_closed(user, closed);
        }
        Step::SessionsRemain(user, remain) => {
            let user = world.intern(&mxid(user));
            world.set_sessions_remain(user, remain);
        }
        Step::Group(admins, state, members) => world.set_group(group(admins), state, members.into_iter().map(mxid)),
        Step::GroupState(admins, state) => world.set_group_state(group(admins), state),
        Step::AccountsFrom(from) => world.set_accounts_from(from),
        Step::Pool(state) => world.set_pool(state),
        Step::Listed(listed) => world.set_accounts_listed(listed),
        Step::OnServer(user, state) => world.set_on_server(&mxid(user), state),
        Step::Present(user) => {
            let user = world.intern(&mxid(user));
            world.set_present(user);
        }
        Step::PoolName(user, name) => world.set_pool_name(&mxid(user), Some(name)),
        Step::Profiles(rows) => {
            let row = |(user, name, picture): (u8, &str, Picture)| {
                let user = world.intern(&mxid(user));
                (user, SourceProfile { name: world.name_to_give(user, Some(name)), picture })
            };
            let rows: Vec<_> = rows.into_iter().map(row).collect();
            world.set_profiles(rows, 0);
        }
        Step::ProfilesFail => world.fail_profiles("gone"),
        Step::SeenProfile(user, name, picture) => world.see_profile(&mxid(user), Some(name), Some(picture)),
        Step::Given(user, name, what, surely) => {
            let user = world.intern(&mxid(user));
            let field = if name { ProfileField::DisplayName } else { ProfileField::Avatar };
            match surely {
                true => world.note_given(user, field, Fingerprint::of(what), Fingerprint::NOTHING),
                false => world.note_giving(user, field, Fingerprint::of(what)),
            }
        }
        Step::RoomStatus(number, status) => world.set_room_status(room(world, number), status),
        Step::Membership(number, user, membership, left_by) => {
            world.set_membership(room(world, number), &mxid(user), membership, left_by);
        }
        Step::ClearedLeave(number, user, event_id) => {
            let user = world.intern(&mxid(user));
            world.clear_leave(room(world, number), user, event_id);
        }
        Step::InvitedByOther(number, user) => {
            let user = world.intern(&mxid(user));
            world.note_invited_by_other(room(world, number), user);
        }
        Step::BannedByUs(number, user, is) => {
            let user = world.intern(&mxid(user));
            world.set_banned_by_us(room(world, number), user, is);
        }
        Step::Suspended(user, is) => {
            let user = world.intern(&mxid(user));
            world.set_suspended(user, is);
        }
        Step::State(number, kind, content) => world.set_state(room(world, number), kind, event(content)),
        Step::ReadAgain(reading) => {
            let room = room(world, reading.room);
            read_again(world, room, reading);
        }
        Step::Follow(moved) => {
            let one = |(number, left): (usize, Vec<u8>)| Followed {
                configured: format!("!room{number}:{SERVER}"),
                id: format!("!next{number}:{SERVER}"),
                by: "somebody".into(),
                at: "today".into(),
                voluntary_leaves: left.into_iter().map(|user| (mxid(user), "$left".into())).collect(),
            };
            world.follow(moved.map(one).into_iter().collect());
            world.inherit_voluntary_leaves();
        }
        Step::Fight(which) => {
            let plan = plan(world, recent);
            let change = plan.actions.get(which % plan.actions.len().max(1)).map(|action| &action.change);
            if let Some(key) = change.and_then(|change| change.counted().next()) {
                let fight = Fight { times: 5, window_minutes: 10, by: None, again_at: Some("later".into()) };
                world.begin_fight(key, fight);
            }
        }
        Step::Reverter(which) => {
            let key = world.fights.keys().nth(which % world.fights.len().max(1)).cloned();
            key.iter().for_each(|key| world.name_reverter(key, Some(mxid(2))));
        }
        Step::FightsEnd => {
            let keys: Vec<ChangeKey> = world.fights.keys().cloned().collect();
            keys.iter().for_each(|key| world.end_fight(key));
        }
        Step::Adjusted(modes) => world.adjust(|policy| policy.modes = modes),
        Step::Seen(user) => drop(world.intern(&mxid(user))),
        Step::Taken(number, taken) => {
            recent.taken.insert((Class::Removals, Some(room(world, number))), taken);
        }
        Step::CarriedOut => carry_out(world, recent),
        Step::OtherPlanner => drop(Planner::default().plan(world, recent)),
    }
}

fn group(admins: bool) -> &'static str {
    if admins { "admins" } else { "others" }
}
