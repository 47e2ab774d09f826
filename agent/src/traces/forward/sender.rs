//! The task that sends one destination's requests, and decides by its answers what becomes of them.
//!
//! Several are on their way at a time. While the destination does not answer, and until it first has, there is one, after waits that grow: it is
//! tried, not stormed.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;

use super::{
    MAX_REQUEST, Sync,
    board::{Lost, Outcome, wall_ms},
    queue::{Item, Parcel, Queue, Settled},
    split::split,
};
use crate::{
    delivery::{Verdict, blocking, http::SendError},
    net::Backoff,
    otlp::{Client, Signal, Sorted, wire::count},
};

/// Requests on their way at a time.
const AT_ONCE: usize = 4;

/// Pace of what has to be done now and then while something waits.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// How often a destination that takes nothing until somebody changes something is tried again, at most. Each attempt costs a request.
const HOLD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// How often one is tried again that does not answer, at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// At the end, requests on their way get so long: an answer saves sending them again.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// A destination that takes less than this is given this all the same.
const LEAST: usize = 64 << 10;

/// Sends what waits in `queue` until `stop`; then waits for what is on its way, puts the rest on disk, and returns.
pub(super) async fn run(queue: Queue, client: Client, sync: Sync, stop: CancellationToken) {
    let mut sender = Sender {
        queue: &queue,
        client: &client,
        sync,
        retry: Backoff::seeded().between(RETRY.0, RETRY.1),
        hold: Backoff::seeded().between(HOLD.0, HOLD.1),
        paused: None,
        held: Default::default(),
        doubtful: true,
        most: MAX_REQUEST,
    };
    sender.serve(&stop).await;
    blocking(|| queue.close());
}

struct Sender<'a> {
    queue: &'a Queue,
    client: &'a Client,
    sync: Sync,
    retry: Backoff,
    hold: Backoff,
    /// Nothing is sent before.
    paused: Option<Instant>,
    /// Nor of a signal, by its place in [`Signal::ALL`].
    held: [Option<Instant>; Signal::ALL.len()],
    /// The last request was not taken, or none was sent yet: one at a time until one is.
    doubtful: bool,
    /// Largest request, as far as the destination has told.
    most: usize,
}

/// A push and what became of it.
struct Ended {
    signal: Signal,
    items: Vec<Item>,
    answer: Result<Sorted, SendError>,
}

impl Sender<'_> {
    async fn serve(&mut self, stop: &CancellationToken) {
        let mut pushes = FuturesUnordered::new();
        let mut tend_at: Option<Instant> = None;
        let mut end: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let kept_back = end.is_some() && !self.queue.board().is_up();
            let idle = || pushes.is_empty() && (kept_back || self.queue.is_empty());
            if end.is_some_and(|end| now >= end || idle()) {
                break;
            }
            let places = if self.doubtful { 1 } else { AT_ONCE };
            // At the end what is not taken at once is left to the next process.
            let may_send = pushes.len() < places && !kept_back;
            if may_send && let Some((signal, items)) = self.take(now) {
                pushes.push(push(self.client, signal, items));
                continue;
            }
            // Nothing waits most of the time: then nothing wakes this task but what arrives.
            tend_at = if self.queue.is_empty() { None } else { Some(tend_at.unwrap_or(now + TEND_EVERY)) };
            let waits = self.held.into_iter().chain([self.paused]).flatten().filter(|until| *until > now);
            let wake = waits.filter(|_| may_send && tend_at.is_some()).chain(tend_at).chain(end).min();
            tokio::select! {
                () = stop.cancelled(), if end.is_none() => end = Some(now + LAST_ANSWERS),
                Some(ended) = pushes.next() => self.settle(ended),
                () = self.queue.arrived() => {}
                () = sleep_until(wake) => {}
            }
            if tend_at.is_some_and(|at| at <= Instant::now()) {
                tend_at = None;
                self.tend();
            }
        }
        if !pushes.is_empty() {
            let destination = self.queue.board().name();
            tracing::warn!(destination, "an OTLP request had no answer at the end: it is sent again at the next start");
        }
    }

    fn tend(&self) {
        blocking(|| {
            self.queue.tend(wall_ms());
            if self.sync == Sync::Interval {
                self.queue.flush();
            }
        });
    }

    /// What to send now. Requests that are known to be too large are parted first.
    fn take(&self, now: Instant) -> Option<(Signal, Vec<Item>)> {
        let over = |until: &Option<Instant>| until.is_none_or(|until| until <= now);
        if !over(&self.paused) {
            return None;
        }
        let open = |signal: Signal| self.held.get(signal as usize).is_none_or(over);
        loop {
            let items = self.beside_disk(|queue| queue.take(open, self.doubtful))?;
            let first = items.first()?;
            let parts = if first.body.len() > self.most { parted(first, self.most) } else { Settled::Again };
            let (Settled::Parts(parts), [item]) = (parts, items.as_slice()) else { return Some((first.signal, items)) };
            self.queue.settle(vec![(item.clone(), Settled::Parts(parts))], now);
        }
    }

    /// Something that reads or writes the disk, where there is something on it.
    fn beside_disk<T>(&self, work: impl FnOnce(&Queue) -> T) -> T {
        if self.queue.is_on_disk() { blocking(|| work(self.queue)) } else { work(self.queue) }
    }

    fn settle(&mut self, Ended { signal, items, answer }: Ended) {
        let verdict = match &answer {
            Ok(sorted) => sorted.verdict,
            Err(_) => Verdict::Retry,
        };
        self.count(signal, &items, &answer);
        if verdict == Verdict::Halve
            && let [item] = items.as_slice()
        {
            self.most = self.most.min((item.body.len() / 2).max(LEAST));
        }
        let now = Instant::now();
        let lots: Vec<_> = self.lots(items, verdict);
        self.beside_disk(|queue| queue.settle(lots, now));
        self.note(signal, verdict, &answer, now);
    }

    /// What becomes of each request of a push.
    fn lots(&self, items: Vec<Item>, verdict: Verdict) -> Vec<(Item, Settled)> {
        let together = items.len() > 1;
        let how = |item: &Item| match verdict {
            Verdict::Delivered => Settled::Done,
            Verdict::Retry | Verdict::Slower => Settled::Again,
            // What was refused is the whole of them. None was asked about by itself yet.
            Verdict::Halve | Verdict::Drop | Verdict::Bisect | Verdict::Apart if together => Settled::Alone,
            Verdict::Halve => blocking(|| parted(item, (item.body.len() / 2).max(1))),
            Verdict::Hold | Verdict::Drop | Verdict::Bisect | Verdict::Apart => Settled::Lost(Lost::Refused),
        };
        items
            .into_iter()
            .map(|item| {
                let how = how(&item);
                (item, how)
            })
            .collect()
    }

    fn count(&self, signal: Signal, items: &[Item], answer: &Result<Sorted, SendError>) {
        let board = self.queue.board();
        let outcome = match answer {
            Ok(Sorted { verdict: Verdict::Delivered, rejected, words, .. }) => {
                let records: u64 = items.iter().map(|item| u64::from(item.records)).sum();
                let rejected = records.min(*rejected);
                board.taken(signal, records - rejected, rejected);
                if !words.is_empty() {
                    let (destination, signal) = (board.name(), signal.as_str());
                    tracing::warn!(destination, signal, rejected, words, "a destination has something to say");
                }
                if rejected > 0 { Outcome::Partial } else { Outcome::Ok }
            }
            Ok(Sorted { verdict: Verdict::Halve, .. }) => Outcome::Split,
            Ok(Sorted { verdict: Verdict::Drop, .. }) if items.len() > 1 => Outcome::Split,
            Ok(Sorted { verdict: Verdict::Hold, .. }) => Outcome::Held,
            Ok(Sorted { verdict: Verdict::Retry | Verdict::Slower, .. }) | Err(_) => Outcome::Retry,
            Ok(_) => Outcome::Refused,
        };
        board.ended(signal, outcome);
        if let Ok(Sorted { words, .. }) = answer
            && matches!(outcome, Outcome::Refused | Outcome::Held)
        {
            let (destination, signal) = (board.name(), signal.as_str());
            tracing::warn!(destination, signal, words, "an OTLP request is refused and given up");
        }
    }

    /// What the destination as a whole is to be taken for.
    fn note(&mut self, signal: Signal, verdict: Verdict, answer: &Result<Sorted, SendError>, now: Instant) {
        let asked = answer.as_ref().ok().and_then(|sorted| sorted.after).unwrap_or_default();
        // Of several that failed together the first alone makes the wait grow.
        let grown = |known: Option<Instant>, backoff: &mut Backoff| {
            let wait = if known.is_some_and(|until| until > now) { asked } else { asked.max(backoff.wait()) };
            known.max(Some(now + wait))
        };
        match (verdict, answer) {
            (Verdict::Hold, _) => {
                if let Some(held) = self.held.get_mut(signal as usize) {
                    *held = grown(*held, &mut self.hold);
                }
            }
            // A secret or a certificate is missing: asked about more often it is not there any sooner.
            (_, Err(SendError::Material { .. })) => self.paused = grown(self.paused, &mut self.hold),
            (Verdict::Retry | Verdict::Slower, _) => self.paused = grown(self.paused, &mut self.retry),
            _ => {
                self.recovered(signal, now);
                return;
            }
        }
        let board = self.queue.board();
        let reason = match answer {
            Ok(sorted) => format!("{}: {}", sorted.verdict.as_str(), sorted.words),
            Err(error) => chain(error),
        };
        if board.trouble().is_none() {
            tracing::warn!(destination = board.name(), reason, "OTLP requests are kept back");
        }
        self.doubtful = true;
        board.set_trouble(Some(reason));
    }

    fn recovered(&mut self, signal: Signal, now: Instant) {
        if self.paused.is_some_and(|until| until > now) {
            // It was sent before the destination asked to be left alone.
            return;
        }
        let board = self.queue.board();
        if board.trouble().is_some() {
            tracing::info!(destination = board.name(), "OTLP requests are taken again");
            board.set_trouble(None);
        }
        (self.doubtful, self.paused) = (false, None);
        if let Some(held) = self.held.get_mut(signal as usize) {
            *held = None;
        }
        self.retry.reset();
        self.hold.reset();
    }
}

/// A request in parts; one that cannot be parted is lost.
fn parted(item: &Item, most: usize) -> Settled {
    let parts = split(&item.body, most).ok().flatten().filter(|parts| parts.len() > 1);
    let Some(parts) = parts else { return Settled::Lost(Lost::TooLarge) };
    let records = |body: &Bytes| count(item.signal, body).ok().and_then(|count| u32::try_from(count).ok());
    let parcel = |body: Bytes| Parcel { records: records(&body).unwrap_or(0), body };
    Settled::Parts(parts.into_iter().map(parcel).filter(|parcel| parcel.records > 0).collect())
}

async fn push(client: &Client, signal: Signal, items: Vec<Item>) -> Ended {
    let answer = client.send(signal, together(&items)).await;
    Ended { signal, items, answer }
}

/// Requests one behind the other are a request: their groups are fields that may be repeated.
fn together(items: &[Item]) -> Bytes {
    if let [item] = items {
        return item.body.clone();
    }
    let mut whole = BytesMut::with_capacity(items.iter().map(|item| item.body.len()).sum());
    items.iter().for_each(|item| whole.extend_from_slice(&item.body));
    whole.freeze()
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
