//! Who may give commands: the policy's operators, by what the sources say now. A user that cannot be checked may not.

use crate::entitlement::Freeze;
use crate::users::UserIx;
use crate::world::World;

/// Whether somebody may give commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    Granted,
    Denied,
    /// A selector matches by an earlier reading, and its source does not answer now.
    Unsure(Freeze),
}

impl World {
    /// Whether `user` may give commands.
    pub fn may_command(&self, user: UserIx) -> Permission {
        if !self.users.is_local(user) || self.facts.is_folded(user) || !self.may_belong(user) {
            return Permission::Denied;
        }
        let mut permission = Permission::Denied;
        for selector in self.operators.iter().filter(|selector| self.matches(**selector, user)) {
            match self.pool_freeze().or_else(|| self.freeze_of(*selector)) {
                // A row that names nobody takes nothing from those who are named.
                None | Some(Freeze::Row(_)) => return Permission::Granted,
                Some(freeze) => permission = Permission::Unsure(freeze),
            }
        }
        permission
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, AccountsFrom, Policy, RosterRow, Selector, SourceState, read_roster};

    fn world() -> World {
        World::new(Policy {
            server_name: "a".to_owned(),
            bot: "@bot:a".to_owned(),
            operators: vec![
                Selector::TeamRole { team: "staff".to_owned(), role: "lead".to_owned() },
                Selector::Subject("root".to_owned()),
            ],
            ..Policy::default()
        })
    }

    fn read(world: &mut World, rows: &[(&str, &str)]) {
        let rows = rows.iter().map(|(subject, role)| RosterRow {
            subject: Some((*subject).to_owned()),
            team: Some("staff".to_owned()),
            role: Some((*role).to_owned()),
        });
        world.set_roster(read_roster(rows, "a", "@bot:a"));
    }

    #[test]
    fn only_those_whom_a_selector_matches_now_may_command() {
        let mut world = world();
        read(&mut world, &[("ada", "lead"), ("bob", "member")]);
        let ask = |world: &mut World, mxid: &str| {
            let user = world.intern(mxid);
            world.may_command(user)
        };
        assert_eq!(ask(&mut world, "@ada:a"), Permission::Granted);
        assert_eq!(ask(&mut world, "@bob:a"), Permission::Denied);
        assert_eq!(ask(&mut world, "@ada:elsewhere"), Permission::Denied);
        assert_eq!(ask(&mut world, "@root:a"), Permission::Granted);
        read(&mut world, &[("ada", "member")]);
        assert_eq!(ask(&mut world, "@ada:a"), Permission::Denied);
    }

    #[test]
    fn a_source_that_does_not_answer_lets_nobody_command_for_its_sake() {
        let mut world = world();
        read(&mut world, &[("ada", "lead")]);
        world.fail_roster("it is gone");
        let (ada, root) = (world.intern("@ada:a"), world.intern("@root:a"));
        assert!(matches!(world.may_command(ada), Permission::Unsure(Freeze::Failing { .. })));
        assert_eq!(world.may_command(root), Permission::Granted, "a subject depends on no source");
    }

    #[test]
    fn nobody_commands_by_a_name_that_two_subjects_have_or_with_an_account_that_is_gone() {
        let mut world = world();
        read(&mut world, &[("ada", "lead"), ("root", "member"), ("Root", "member")]);
        let [ada, root] = ["@ada:a", "@root:a"].map(|mxid| world.intern(mxid));
        assert_eq!(world.may_command(root), Permission::Denied, "which of the two it is nobody can say");
        world.set_accounts_from(AccountsFrom::Pool);
        world.set_pool(SourceState::Good);
        for (said, permission) in [(Account::Active, Permission::Granted), (Account::Disabled, Permission::Denied)] {
            world.set_account("@ada:a", said, None, false);
            assert_eq!(world.may_command(ada), permission, "{said:?}");
        }
    }
}
