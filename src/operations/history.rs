//! `history`: the newest lines of the ledger.

use anyhow::{Context, Result};

use crate::store::{HistoryFilter, HistoryLine, Store};

/// The newest lines that are asked for.
pub async fn history(store: &Store, filter: &HistoryFilter) -> Result<Vec<HistoryLine>> {
    store.history(filter).await.context("read the ledger")
}
