//! The task that sends one destination's chunks, and decides by Loki's answers what becomes of them.
//!
//! Several pushes are on their way at a time, none with a stream of another. While the destination does not answer there is one, after
//! waits that grow: it is tried, not stormed.

mod fate;
mod way;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub(super) use self::way::Way;
use self::{
    fate::{lost, parted, refused, trouble, unanswered},
    way::{Body, Told},
};
use super::{
    board::Outcome,
    loki::{Pusher, Reason, Sorted},
    queue::{Item, Next, Queue, Settled},
};
use crate::{
    delivery::{Verdict, blocking, http::SendError},
    net::Backoff,
    telemetry::spans,
};

/// Pushes on their way at a time.
const AT_ONCE: usize = 4;

/// Pace of what has to be done now and then while something waits.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// How often a destination that takes nothing until somebody changes something is asked again, at most.
const HOLD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// How often one is asked again that does not answer, at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// At the end, pushes on their way get so long: an answer saves sending them again.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// Sends what waits in `queue` until `shutdown`; then waits for what is on its way, puts the rest on disk, and returns. `freed` is called when
/// there is room again.
pub(super) async fn run(queue: Queue, way: Way, freed: impl Fn() + Send + Sync, shutdown: CancellationToken) {
    let mut sender = Sender {
        queue: &queue,
        way: &way,
        pusher: Pusher::new(),
        retry: Backoff::seeded().between(RETRY.0, RETRY.1),
        hold: Backoff::seeded().between(HOLD.0, HOLD.1),
        paused: None,
        // Each attempt may cost what is sent: one at a time until one is taken.
        doubtful: way.gives_up(),
    };
    sender.serve(&freed, &shutdown).await;
    blocking(|| queue.close());
}

struct Sender<'a> {
    queue: &'a Queue,
    way: &'a Way,
    pusher: Pusher,
    retry: Backoff,
    hold: Backoff,
    /// Nothing is sent before.
    paused: Option<Instant>,
    /// The last push was not taken: one at a time until one is.
    doubtful: bool,
}

/// A push and what became of it.
struct Ended {
    items: Vec<Item>,
    answer: Result<Told, SendError>,
    /// Bytes of its body.
    bytes: u64,
}

impl Sender<'_> {
    async fn serve(&mut self, freed: &(impl Fn() + Sync), shutdown: &CancellationToken) {
        let mut pushes = FuturesUnordered::new();
        let mut tend_at: Option<Instant> = None;
        let mut end: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let kept_back = end.is_some() && self.doubtful && self.queue.log().trouble().is_some();
            if end.is_some_and(|end| now >= end || (pushes.is_empty() && (kept_back || self.queue.is_empty()))) {
                break;
            }
            let mut wake = self.paused.filter(|until| *until > now);
            let places = if self.doubtful { 1 } else { AT_ONCE };
            // At the end what is not taken at once is left to the next process.
            let may_send = wake.is_none() && pushes.len() < places && !kept_back;
            if may_send {
                match self.beside_disk(|queue| queue.take(now)) {
                    Next::Send(items) => {
                        let items = self.fewest(items, now);
                        let body = self.way.body(&mut self.pusher, &items);
                        let span = spans::push(&self.queue.log().name);
                        pushes.push(push(self.way, body, items).instrument(span));
                        continue;
                    }
                    Next::Wait(until) => wake = until,
                }
            }
            // Nothing waits most of the time: then nothing wakes this task but what arrives.
            tend_at = if self.queue.is_empty() { None } else { Some(tend_at.unwrap_or(now + TEND_EVERY)) };
            let wake = [wake, tend_at, end].into_iter().flatten().min();
            tokio::select! {
                () = shutdown.cancelled(), if end.is_none() => end = Some(now + LAST_ANSWERS),
                Some(ended) = pushes.next() => {
                    self.settle(ended);
                    freed();
                }
                () = self.queue.arrived() => {}
                () = sleep_until(wake) => {}
            }
            if tend_at.is_some_and(|at| at <= Instant::now()) {
                tend_at = None;
                blocking(|| self.queue.tend(Instant::now(), wall_ms()));
                freed();
            }
        }
        if !pushes.is_empty() {
            let destination = self.queue.log().name.as_str();
            tracing::warn!(target: TARGET, destination, "a push had no answer at the end: its lines are sent again at the next start");
        }
    }

    /// All of them; but where what is refused is given up, the first alone while refusals are to be expected.
    fn fewest(&self, mut items: Vec<Item>, now: Instant) -> Vec<Item> {
        if self.doubtful && self.way.gives_up() {
            let later: Vec<_> = items.drain(items.len().min(1)..).map(|item| (item, Settled::Again)).collect();
            self.beside_disk(|queue| queue.settle(&later, now));
        }
        items
    }

    fn settle(&mut self, Ended { items, answer, bytes }: Ended) {
        if answer.is_ok() {
            self.queue.log().sent_bytes.add(bytes);
        }
        let mut sorted = match &answer {
            Ok(told) => told.sorted.clone(),
            Err(error) => unanswered(error),
        };
        if matches!(sorted.reason, Some(Reason::StreamRateLimit | Reason::StreamLimit)) {
            // Of a stream that was sent alone too: it waits by itself, and the destination takes all others.
            sorted.verdict = Verdict::Apart;
        }
        let after = answer.as_ref().ok().and_then(|told| told.after);
        let now = Instant::now();
        let lots = match (self.way.gives_up(), sorted.verdict) {
            (true, Verdict::Delivered) => parted(items, &sorted),
            _ => self.lots(&items, &sorted, after, answer.is_ok()),
        };
        self.beside_disk(|queue| queue.settle(&lots, now));
        self.note(&sorted, &answer, after, now);
    }

    /// Something that reads or writes the spool, where there is something in it.
    fn beside_disk<T>(&self, work: impl FnOnce(&Queue) -> T) -> T {
        if self.queue.is_on_disk() { blocking(|| work(self.queue)) } else { work(self.queue) }
    }

    /// What becomes of each chunk.
    fn lots(&self, items: &[Item], sorted: &Sorted, after: Option<Duration>, answered: bool) -> Vec<(Item, Settled)> {
        let alone = items.len() <= 1;
        let how = |item: &Item| match sorted.verdict {
            Verdict::Delivered => refused(item, sorted, alone),
            Verdict::Hold if answered && self.way.gives_up() => Settled::Lost(lost(sorted)),
            Verdict::Retry | Verdict::Slower | Verdict::Hold => Settled::Again,
            Verdict::Apart if alone => Settled::Later(after),
            Verdict::Apart => Settled::Alone,
            Verdict::Halve if alone => Settled::Halve,
            Verdict::Halve | Verdict::Bisect if !alone => Settled::Alone,
            Verdict::Halve | Verdict::Bisect | Verdict::Drop => Settled::Lost(lost(sorted)),
        };
        // What is named was refused, or refused in part; its neighbours were not, as far as Loki tells.
        items.iter().map(|item| (item.clone(), how(item))).collect()
    }

    /// What the destination as a whole is to be taken for.
    fn note(&mut self, sorted: &Sorted, answer: &Result<Told, SendError>, after: Option<Duration>, now: Instant) {
        let log = self.queue.log();
        log.push(match sorted.verdict {
            Verdict::Delivered if sorted.refusals.is_empty() => Outcome::Ok,
            Verdict::Delivered => Outcome::Partial,
            Verdict::Retry | Verdict::Slower | Verdict::Apart => Outcome::Retry,
            Verdict::Halve | Verdict::Bisect => Outcome::Split,
            Verdict::Hold => Outcome::Held,
            Verdict::Drop => Outcome::Refused,
        });
        let wait = match sorted.verdict {
            Verdict::Retry | Verdict::Slower => Some(after.unwrap_or_else(|| self.retry.wait())),
            Verdict::Hold => Some(after.unwrap_or(Duration::ZERO).max(self.hold.wait())),
            _ => None,
        };
        if sorted.verdict == Verdict::Drop || !sorted.refusals.is_empty() {
            let words = answer.as_ref().map_or("", |told| told.words.as_str());
            tracing::warn!(target: TARGET, destination = log.name, words, "log lines are refused");
        }
        let Some(wait) = wait else {
            if sorted.verdict.is_final() {
                log.last_ack.set(u64::try_from(wall_ms()).unwrap_or(0));
            }
            self.recovered();
            return;
        };
        self.paused = Some(now + wait);
        let trouble = trouble(sorted, answer);
        if !self.doubtful || log.trouble().is_none_or(|known| known.kind != trouble.kind) {
            let (kind, reason) = (trouble.kind.as_str(), trouble.text.as_str());
            tracing::warn!(target: TARGET, destination = log.name, kind, reason, "log lines are kept back");
        }
        self.doubtful = true;
        log.set_trouble(Some(trouble));
    }

    fn recovered(&mut self) {
        if self.doubtful {
            tracing::info!(target: TARGET, destination = self.queue.log().name, "log lines are taken again");
            self.queue.log().set_trouble(None);
        }
        (self.doubtful, self.paused) = (false, None);
        self.retry.reset();
        self.hold.reset();
    }
}

/// What is said of failed pushes is never shipped itself: it would be the next thing to fail.
pub(super) const TARGET: &str = "spyhop::logs::sender";

async fn push(way: &Way, body: Body, items: Vec<Item>) -> Ended {
    let bytes = body.as_ref().map_or(0, |body| u64::try_from(body.len()).unwrap_or(u64::MAX));
    let answer = way.push(body, items.len()).await;
    Ended { items, answer, bytes }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Milliseconds since 1970.
fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
