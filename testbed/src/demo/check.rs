//! The last word is a client's: what each person sees with a login of their own.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::cast::CAST;
use super::house::House;
use super::live;
use super::rooms::Room;

/// Logs everybody in with a token like Cognito's and compares `joined_rooms`. Gives how many were asked.
///
/// # Errors
/// When a login fails or somebody sees other rooms than they should.
pub(crate) async fn everybody_sees_their_rooms(house: &House) -> Result<usize> {
    for actor in &CAST {
        let seen = house.login(actor).await?.joined_rooms().await?;
        let wanted: BTreeSet<String> =
            live::should_be_in(actor).into_iter().map(Room::index).map(|index| house.rooms[index].clone()).collect();
        ensure!(seen == wanted, "{} sees {seen:?} and should see {wanted:?}", actor.label());
    }
    Ok(CAST.len())
}
