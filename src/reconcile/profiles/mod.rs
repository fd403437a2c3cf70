//! Names and pictures given to accounts: what they are in full, the pictures that are being fetched for it, and how fast.
//!
//! The plan knows fingerprints alone. What is due is looked up right before it is given (`wanted`), the account is looked at
//! once more (`give`), and each name or picture is noted before and after.
//!
//! The races that are settled here:
//!
//! - **Changed by its owner since the listing.** The account is read right before; what is not what the plan was made from is left
//!   to the next plan.
//! - **Killed between call and answer.** What is about to be given is noted first, beside what was given before: both count as
//!   ours.
//! - **A host that hangs.** Pictures are fetched by tasks of their own, a few at once; nobody waits for them (`fetches`).
//! - **A fill of a million names.** So many at once and no more, and then a pause: each writes an event into every room of its owner
//!   (`pace`).

pub(crate) mod fetches;
pub(crate) mod give;
pub(crate) mod pace;
pub(crate) mod wanted;

use std::collections::HashMap;

use provisioner_policy::UserIx;

use crate::pictures::{PictureFetcher, PictureNames};
use crate::reconcile::profiles::fetches::Fetches;
use crate::reconcile::profiles::pace::Pace;
use crate::reconcile::profiles::wanted::Wanted;
use crate::sources::ProfileSource;

/// What names and pictures are given with.
#[derive(Debug)]
pub struct ProfileGiver {
    /// The query, where there is one; without it the names are the pool's.
    pub(crate) source: Option<ProfileSource>,
    pub(crate) names: PictureNames,
    pub(crate) fetches: Fetches,
    pub(crate) pace: Pace,
    /// What people should have, for those who are due and some more. Of one reading.
    pub(crate) wanted: HashMap<UserIx, Wanted>,
    /// What was given before this process is known.
    pub(crate) given_read: bool,
    /// Why the query cannot be read, where it cannot.
    pub(crate) trouble: Option<String>,
}

impl ProfileGiver {
    /// One that has read nothing yet. Without a fetcher no picture is fetched.
    pub fn new(source: Option<ProfileSource>, names: PictureNames, fetcher: Option<PictureFetcher>) -> Self {
        Self {
            source,
            names,
            fetches: Fetches::new(fetcher),
            pace: Pace::default(),
            wanted: HashMap::new(),
            given_read: false,
            trouble: None,
        }
    }
}
