//! Feeds the last hour while nobody scrapes, and keeps what was seen of objectives.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    collectors::Scraper,
    delivery::blocking,
    history::Board,
    inventory, policy,
    telemetry::{Metrics, Reason},
};

/// How often the file is written at most: what an agent loses that is killed.
const SAVE: Duration = Duration::from_secs(900);

/// Readings are no closer than this, whatever comes of them.
const LEAST: Duration = Duration::from_secs(1);

/// Looks at who serves in a new picture.
pub(super) fn look(board: &Board, policy: &policy::Board, reader: &inventory::Reader, metrics: &Metrics) {
    let left_out = board.look(&policy.policy(), &reader.load(), board.now());
    if left_out > 0 {
        metrics.refuse(Reason::History, left_out as u64);
    }
}

/// Asks for a reading where nobody has for a minute, or for five seconds while somebody looks. Until `shutdown`; then saves.
pub(super) async fn run(board: Board, scraper: Scraper, shutdown: CancellationToken) {
    let mut saved = Instant::now();
    loop {
        let wait = board.due();
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = board.woken() => continue,
            () = sleep(wait.max(LEAST)) => {}
        }
        // Somebody may have scraped meanwhile.
        if board.due().is_zero() {
            scraper.look(board.is_watched()).await;
            board.tried();
        }
        if saved.elapsed() >= SAVE {
            saved = Instant::now();
            blocking(|| board.save());
        }
    }
    blocking(|| board.save());
}
