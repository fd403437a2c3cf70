//! Who runs a command, for the ledger: whose process it is, as the system says, and beside it who they say they are. The
//! environment is free to choose; `sudo` and shared accounts are why it is asked at all.

use nix::unistd::{Uid, User};

/// The caller in words.
pub(super) fn caller() -> String {
    let said = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    words(&owner(), said.as_deref())
}

/// Whose process this is. A container may have no name for its user.
fn owner() -> String {
    let uid = Uid::current();
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name)
}

fn words(owner: &str, said: Option<&str>) -> String {
    match said {
        Some(said) if said != owner => format!("{owner}, who says to be {said:?}, on the command line"),
        _ => format!("{owner} on the command line"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_names_the_caller_and_the_environment_only_adds_to_it() {
        assert_eq!(words("ada", Some("ada")), "ada on the command line");
        assert_eq!(words("ada", None), "ada on the command line");
        assert_eq!(words("root", Some("ada")), "root, who says to be \"ada\", on the command line");
        // Nobody passes for somebody in the Staff room.
        assert!(words(&owner(), Some("@ceo:example.org")).starts_with(&owner()));
    }
}
