//! Reading names and pictures: what was given before, and what the query says, a row at a time.

use anyhow::{Context, Result};
use provisioner_policy::{Fingerprint, GivenPicture, ProfileField};
use tracing::{info, instrument, warn};

use crate::reconcile::profiles::ProfileGiver;
use crate::reconcile::profiles::wanted::{Wanted, whose};
use crate::reconcile::reconciler::Reconciler;
use crate::sources::ProfileRow;

impl Reconciler {
    /// Reads the query of `[profiles]`, where there is one. A failure leaves what it said before.
    #[instrument(name = "source.profiles", skip_all)]
    pub(crate) async fn read_profiles(&mut self) -> Result<()> {
        self.read_given().await?;
        let Some(ProfileGiver { source, names, fetches, wanted, trouble, .. }) = &mut self.profiles else {
            return Ok(());
        };
        wanted.clear();
        fetches.forget_ended();
        let Some(source) = source else { return Ok(()) };
        let (mut rows, mut unusable) = (Vec::new(), 0);
        let (world, roster) = (&self.world, &self.trouble.roster);
        let take = |row: ProfileRow| match whose(&row, world) {
            Ok(Some(user)) => rows.push((user, Wanted::of(&row, user, world, names).in_short(world, user))),
            Ok(None) => {}
            Err(()) => unusable += 1,
        };
        let answer = match roster {
            // The same database is not waited for once more.
            Some(reason) => Err(format!("as the roster: {reason}")),
            None => source.read(take).await.map_err(|error| error.chain()),
        };
        let before = std::mem::replace(trouble, answer.as_ref().err().cloned());
        match answer {
            Ok(()) => {
                if before.is_some() {
                    info!("profiles.query is readable again");
                }
                self.world.set_profiles(rows, unusable);
            }
            Err(reason) => {
                if before.as_deref() != Some(&*reason) {
                    warn!("profiles.query cannot be read: {reason}");
                }
                self.world.fail_profiles(reason);
            }
        }
        Ok(())
    }

    /// Once: what is given from then on is known to this process.
    async fn read_given(&mut self) -> Result<()> {
        let Some(giver) = self.profiles.as_mut().filter(|giver| !giver.given_read) else { return Ok(()) };
        for row in self.store.given_profiles().await.context("read which names and pictures were given")? {
            let Ok(field) = row.field.parse::<ProfileField>() else { continue };
            let of = |text: Option<String>| Fingerprint::of(&text.unwrap_or_default());
            let user = self.world.intern(&row.user_id);
            let given = GivenPicture { value: of(row.value), source: of(row.source) };
            self.world.set_given(user, field, given, of(row.tried));
        }
        giver.given_read = true;
        Ok(())
    }
}
