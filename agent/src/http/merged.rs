//! `/metrics` with the pages of declared endpoints worked in (`metrics.merge`).
//!
//! The endpoints are fetched first, so that the page can tell how that went; then the scrape thread makes our own page, and
//! both become one. Joining and compressing megabytes happens off the workers that wait on sockets.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::HeaderMap;

use super::{Scrape, targets::SCRAPE_TIMEOUT};
use crate::{
    collectors::{Request, ScrapeBody, ScrapeError},
    exposition::{Format, Merge, Taken},
    targets::{self, Targets},
};

/// Part of the client's time that the endpoints get; the rest is for our own page and the way back.
const SHARE: f64 = 0.75;

/// One page.
///
/// # Errors
/// Those of our own page; and [`ScrapeError::Busy`] when other merges take longer than one may.
pub(super) async fn scrape<S: Scrape>(
    scraper: &S,
    targets: &Targets,
    asked: Request,
    headers: &HeaderMap,
) -> Result<ScrapeBody, ScrapeError> {
    let _turn = targets.turn().await.ok_or(ScrapeError::Busy)?;
    let (format, gzip) = (asked.format, asked.gzip);
    let cap = targets.settings().merge.timeout;
    let patience = targets::patience(headers.get(SCRAPE_TIMEOUT), cap.div_f64(SHARE)).mul_f64(SHARE);
    let pages = targets.take_in(format, patience).await;
    let own = scraper.scrape(Request { gzip: false, ..asked }).await?;
    // A panic in there is a mistake of ours, said aloud by the runtime; our own page is still good.
    let spare = own.bytes.clone();
    let joined = tokio::task::spawn_blocking(move || join(&own.bytes, format, pages, gzip)).await;
    Ok(joined.unwrap_or(ScrapeBody { bytes: spare, gzip: false }))
}

fn join(own: &[u8], format: Format, pages: Vec<Taken>, gzip: bool) -> ScrapeBody {
    let mut merge = Merge::new(own, format);
    for page in pages {
        merge.add(page);
    }
    if merge.conflicts > 0 {
        tracing::debug!(samples = merge.conflicts, "types of merged families differ");
    }
    let page = merge.finish();
    if gzip {
        let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8), Compression::fast());
        // Writing into memory does not fail.
        if let Ok(packed) = encoder.write_all(&page).and_then(|()| encoder.finish()) {
            return ScrapeBody { bytes: Bytes::from(packed), gzip: true };
        }
    }
    ScrapeBody { bytes: Bytes::from(page), gzip: false }
}
