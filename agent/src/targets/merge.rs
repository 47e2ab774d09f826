//! Fetches every declared target at once for `metrics.merge`, and takes in what they say within the ceilings.
//!
//! One merge runs at a time; each target has the same deadline, a share of the room, and its own verdict. What goes wrong
//! with one ends with that one.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use http::HeaderValue;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::{Ask, BodyError, FetchError, Fetched, List, Target, Targets, fetch};
use crate::exposition::{
    Format, LabelSet, Taken, TakenError,
    parse::{Limits, Parser},
};

use crate::model::InOrder as _;

/// Targets fetched at the same time; a silent one costs a socket and some buffers.
const AT_ONCE: usize = 64;

/// Targets merged at all; more are left out and counted.
pub const MAX_MERGED: usize = 512;

/// One target gets no more than this part of the room.
const SHARE: u64 = 2;

/// What the configuration says of merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeSettings {
    /// Targets are merged into `/metrics`.
    pub enabled: bool,
    /// Longest wait for all of them.
    pub timeout: Duration,
    /// Room for what they say, in bytes of memory over all of them.
    pub max_bytes: u64,
}

impl Default for MergeSettings {
    fn default() -> Self {
        Self { enabled: false, timeout: Duration::from_secs(2), max_bytes: 4 << 20 }
    }
}

/// How the last fetch of one target for a merge went: its series on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Identity of the target.
    pub labels: LabelSet,
    /// All of it came in time and is on the page.
    pub up: bool,
    /// From the attempt to connect to the last byte, or to the mistake.
    pub duration: Duration,
    /// Samples on the page.
    pub samples: u64,
    /// Samples of a good page which are not.
    pub left_out: u64,
}

/// Why a target is not on the page.
#[derive(Debug, thiserror::Error)]
enum MergeError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Taken(#[from] TakenError),
    #[error("the content type is none that can be merged")]
    ContentType,
    #[error("the room for merged targets is used up")]
    NoRoom,
}

impl Targets {
    /// Whether targets are merged into the page, and there is one.
    pub fn merges(&self) -> bool {
        let merges =
            self.0.settings.merge.enabled && self.list().targets.iter().any(|target| target.fetchable().is_some());
        if !merges && !self.verdicts().is_empty() {
            // The last endpoint is gone, and its series go with it.
            self.note(Vec::new());
        }
        merges
    }

    /// How the last merge went, target by target; empty without one.
    pub fn verdicts(&self) -> Arc<Vec<Verdict>> {
        self.0.verdicts.load_full()
    }

    /// Replaces what [`Self::verdicts`] gives.
    pub fn note(&self, verdicts: Vec<Verdict>) {
        self.0.verdicts.store(Arc::new(verdicts));
    }

    /// Waits for the turn to merge; `None` when that takes longer than a merge may.
    pub async fn turn(&self) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let turn = Arc::clone(&self.0.merging).lock_owned();
        tokio::time::timeout(self.0.settings.merge.timeout, turn).await.ok()
    }

    /// Fetches all targets and takes in their pages for one of `format`, in the order of the list. To be called by whoever has
    /// the turn.
    pub async fn take_in(&self, format: Format, patience: Duration) -> Vec<Taken> {
        let settings = self.0.settings.merge;
        let list = self.list();
        let ask = ask(format, patience.min(settings.timeout), settings.max_bytes);
        let room = Room(AtomicU64::new(settings.max_bytes));
        let fetches = self.order(&list).into_iter().map(|at| self.take_one(at, &list, format, &ask, &room));
        let mut done: Vec<_> =
            stream::iter(fetches).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        done.order_by_key(|(at, ..)| *at);
        let mut pages = Vec::with_capacity(done.len());
        let mut verdicts = Vec::with_capacity(done.len());
        for (_, verdict, page) in done {
            verdicts.push(verdict);
            pages.extend(page);
        }
        self.note(verdicts);
        pages
    }

    /// Those which did well last time first, so that the others do not take their places.
    fn order(&self, list: &List) -> Vec<usize> {
        let fetchable = |(at, target): (usize, &Target)| target.fetchable().map(|_| at);
        let mut order: Vec<usize> = list.targets.iter().enumerate().filter_map(fetchable).collect();
        let surplus = order.len().saturating_sub(MAX_MERGED);
        self.0.metrics.refuse(crate::telemetry::Reason::Targets, surplus as u64);
        order.truncate(MAX_MERGED);
        let verdicts = self.verdicts();
        let troubled: std::collections::HashSet<&str> =
            verdicts.iter().filter(|verdict| !verdict.up).map(|verdict| verdict.labels.as_str()).collect();
        order.order_by_key(|at| list.targets.get(*at).is_some_and(|target| troubled.contains(target.labels.as_str())));
        order
    }

    async fn take_one(
        &self,
        at: usize,
        list: &List,
        format: Format,
        ask: &Ask,
        room: &Room,
    ) -> Option<(usize, Verdict, Option<Taken>)> {
        let target = list.targets.get(at)?;
        let (declaration, way) = target.fetchable()?;
        let began = Instant::now();
        let taking = async {
            let fetched = fetch::fetch(self.0.dial.dial(way), self.tls(target), declaration, way, ask).await?;
            read(target, list, fetched, format, ask.max_body, room).await
        };
        let taken = taking.await;
        let duration = began.elapsed();
        let labels = target.labels.clone();
        Some(match taken {
            Ok(page) => {
                let verdict = Verdict { labels, up: true, duration, samples: page.samples, left_out: page.left_out };
                (at, verdict, Some(page))
            }
            Err(error) => {
                tracing::debug!(path = %target.proxy_path, %error, "merge a target");
                (at, Verdict { labels, up: false, duration, samples: 0, left_out: 0 }, None)
            }
        })
    }
}

/// Reads one answer to its end; what it took of the room is given back when it is of no use.
async fn read(
    target: &Target,
    list: &List,
    fetched: Fetched,
    format: Format,
    max_bytes: u64,
    room: &Room,
) -> Result<Taken, MergeError> {
    let from = format_of(&fetched.content_type).ok_or(MergeError::ContentType)?;
    let key = &target.entry.container.identity.key;
    let identity = [
        ("host", list.host.as_deref().unwrap_or_default()),
        ("project", key.project.as_ref()),
        ("service", key.service.as_ref()),
        ("replica", target.entry.replica.as_ref()),
        ("target", target.n.as_ref()),
    ];
    let mut taken = Taken::new(identity, from, format, usize::try_from(max_bytes).unwrap_or(usize::MAX));
    let mut parser = taken.parser(Limits { bytes: max_bytes, ..Limits::default() });
    let mut lease = Lease { room, bytes: 0 };
    let mut body = fetched.body;
    while let Some(frame) = Pin::new(&mut body).frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        push(&mut taken, &mut parser, &data, &mut lease)?;
    }
    let taken = taken.finish(parser)?;
    lease.extend(taken.bytes())?;
    // The page keeps its room until the whole merge is over.
    lease.bytes = 0;
    Ok(taken)
}

fn push(taken: &mut Taken, parser: &mut Parser, data: &[u8], lease: &mut Lease<'_>) -> Result<(), MergeError> {
    /// Between two looks at the room.
    const STEP: usize = 8 << 10;
    for piece in data.chunks(STEP) {
        taken.push(parser, piece)?;
        lease.extend(taken.bytes())?;
    }
    Ok(())
}

/// Bytes that may still be taken, over all targets.
#[derive(Debug)]
struct Room(AtomicU64);

/// What one target has of it.
#[derive(Debug)]
struct Lease<'r> {
    room: &'r Room,
    bytes: u64,
}

impl Lease<'_> {
    /// Makes it as large as this.
    fn extend(&mut self, bytes: usize) -> Result<(), MergeError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let more = bytes.saturating_sub(self.bytes);
        let taken = self.room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(more));
        taken.map_err(|_| MergeError::NoRoom)?;
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

fn ask(format: Format, patience: Duration, max_bytes: u64) -> Ask {
    let accept = match format {
        Format::Text => "text/plain;version=0.0.4",
        Format::OpenMetrics => "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    };
    Ask {
        accept: Some(HeaderValue::from_static(accept)),
        // On one machine unpacking costs more than the bytes.
        gzip: false,
        deadline: Instant::now() + patience,
        max_body: max_bytes / SHARE,
    }
}

/// The format of a content type; `None` for protobuf, which was not asked for.
fn format_of(content_type: &HeaderValue) -> Option<Format> {
    let text = content_type.to_str().ok()?;
    let media = text.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/openmetrics-text") {
        return Some(Format::OpenMetrics);
    }
    media.eq_ignore_ascii_case("text/plain").then_some(Format::Text)
}
