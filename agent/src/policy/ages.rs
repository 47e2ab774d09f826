//! Looks at the files of secrets now and then, where nobody waits for it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Board;
use crate::inventory::Reader;

/// How often. Secrets are replaced by people, and ages are counted in days.
const EVERY: Duration = Duration::from_secs(60);

/// The first look comes soon, when the first inventory is likely to be complete.
const FIRST: Duration = Duration::from_secs(2);

/// Looks until `shutdown`. A file system that hangs holds up this and nothing else; nothing is done while the policy does not ask.
pub async fn look_at_files(board: Board, inventory: Reader, shutdown: CancellationToken) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = EVERY;
        if board.policy().checks.secrets_max_age.is_none() {
            continue;
        }
        let (board, snapshot) = (board.clone(), inventory.load());
        let looked = tokio::task::spawn_blocking(move || board.look_at_files(&snapshot));
        tokio::select! {
            () = shutdown.cancelled() => return,
            // A panic has been reported by the runtime, and the next look may do better.
            _ = looked => {}
        }
    }
}
