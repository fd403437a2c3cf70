//! `history`: the newest lines of the ledger.

use anyhow::{Context, Result};

use crate::store::{HistoryFilter, HistoryLine, Store};

/// The newest `limit` lines, of one user or one room where these are given.
pub async fn history(
    store: &Store,
    user_id: Option<String>,
    room_key: Option<String>,
    limit: u32,
) -> Result<Vec<HistoryLine>> {
    let filter = HistoryFilter { user_id, room_key, limit: i64::from(limit) };
    store.history(&filter).await.context("read the ledger")
}
