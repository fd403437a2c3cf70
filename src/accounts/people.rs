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

impl Confirmer {
    /// The MXID of the one person with this e-mail address.
    pub async fn mxid_of_email(&self, email: &str) -> Result<String, EmailError> {
        if self.directory.is_none() {
            return Err(EmailError::NoPool);
        }
        Ok(self.server.mxid(only(self.subjects_of_email(email).await?)?.as_str())?)
    }
}

fn only(mut subjects: Vec<String>) -> Result<String, EmailError> {
    match (subjects.pop(), subjects.len()) {
        (None, _) => Err(EmailError::Nobody),
        (Some(subject), 0) => Ok(subject),
        (Some(_), others) => Err(EmailError::Several(others + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_person_or_nobody() {
        let only = |subjects: &[&str]| only(subjects.iter().map(|one| (*one).to_owned()).collect());
        assert_eq!(only(&["a"]).unwrap(), "a");
        assert!(matches!(only(&[]), Err(EmailError::Nobody)));
        assert!(matches!(only(&["a", "b", "c"]), Err(EmailError::Several(3))));
    }
}
