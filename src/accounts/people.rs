//! Finding somebody by e-mail address, for commands. The address is in no answer, no log line and no error.

use provisioner_policy::SubjectError;
use thiserror::Error;

use super::confirm::Confirmer;
use crate::sources::DirectoryError;

/// Why an address names nobody in particular. The texts are shown to the person who gave it.
#[derive(Debug, Error)]
pub enum EmailError {
    #[error(
        "no pool of accounts is read here, and only that knows e-mail addresses; give the Matrix id or the subject"
    )]
    NoPool,
    #[error(
        "the pool has nobody with this e-mail address, written exactly so; capitals count. Otherwise give the Matrix id or the \
         subject"
    )]
    Nobody,
    #[error("{0} people of the pool have this e-mail address; give the subject (sub) of the one who is meant")]
    Several(usize),
    #[error("the one with this e-mail address can have no Matrix id: {0}")]
    Impossible(#[from] SubjectError),
    #[error("the pool cannot be asked for an e-mail address now; give the Matrix id or the subject")]
    Pool(#[from] DirectoryError),
}

/// Somebody as an e-mail address names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedByEmail {
    pub mxid: String,
    /// Whether the pool has verified the address. Anybody may claim one that was not: it may be somebody else's.
    pub is_verified: bool,
}

impl NamedByEmail {
    /// What the one who gave the address must know, where it was not verified.
    pub fn warning(&self) -> Option<&'static str> {
        const UNVERIFIED: &str =
            "Unverified: the pool has not verified this e-mail address, so it may be claimed by somebody else.";
        (!self.is_verified).then_some(UNVERIFIED)
    }
}

impl Confirmer {
    /// The one person with this e-mail address.
    pub async fn named_by_email(&self, email: &str) -> Result<NamedByEmail, EmailError> {
        let directory = self.directory.as_ref().ok_or(EmailError::NoPool)?;
        let user = only(directory.find_by_email(email).await?)?;
        Ok(NamedByEmail { mxid: self.server.mxid(&user.subject)?, is_verified: user.email_verified })
    }
}

fn only<T>(mut people: Vec<T>) -> Result<T, EmailError> {
    match (people.pop(), people.len()) {
        (None, _) => Err(EmailError::Nobody),
        (Some(one), 0) => Ok(one),
        (Some(_), others) => Err(EmailError::Several(others + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_person_or_nobody() {
        let only = |people: &[&'static str]| only(people.to_vec());
        assert_eq!(only(&["a"]).unwrap(), "a");
        assert!(matches!(only(&[]), Err(EmailError::Nobody)));
        assert!(matches!(only(&["a", "b", "c"]), Err(EmailError::Several(3))));
    }
}
