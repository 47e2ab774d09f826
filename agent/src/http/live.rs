//! `/api/v1/live`: what changes on the page, told to whoever looks at it, as server-sent events.
//!
//! ```text
//!  inventory, policy, isolation, probes --looked at ten times a second--> one renderer --what changed--> queue of each viewer --> socket
//! ```
//!
//! One task writes the pieces of the page for all viewers, five times a second at most and every five seconds at least, and only while
//! there is somebody. It compares them with those before and tells the difference. Looking at five numbers is cheaper than a bell in each
//! part that may change, and there is no part whose bell could be forgotten.
//!
//! What a viewer may cost is bounded: there are [`SEATS`] of them, half of them for one subscriber. A queue holds [`QUEUED`] messages,
//! which all viewers share; one who does not take them in time loses the seat, and what waits is accounted like every unread answer. After
//! [`SITTING`], and whenever certificates, users or tokens change, a viewer has to come in by the door again.

mod changes;
mod signs;

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use hyper::body::Frame;
use jiff::Timestamp;
use serde::Serialize;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep},
};

use self::{
    changes::{Picture, event},
    signs::Signs,
};
use super::{
    Scrape,
    access::{self, Caller},
    answer::Answer,
    api::AGENT_VERSION,
    handlers::Shared,
    page::{self, Fragment},
    query,
};
use crate::telemetry::{Metrics, Reason};

/// Viewers at once; never more than half of the connections that are served.
const SEATS: usize = 32;
/// Messages that wait for one viewer. Each is at most as large as the page.
const QUEUED: usize = 8;
/// To whom changes are accounted: nobody alone.
const ALL: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// How long one viewer sits: whoever has gone without a word is found out, and a new picture mends what was missed.
const SITTING: Duration = Duration::from_secs(600);
/// How often is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(100);
/// Shortest time between two pictures.
const GAP: Duration = Duration::from_millis(200);
/// Longest time between two: figures change without any sign. With nothing to tell it is said that all is as it was.
const BEAT: Duration = Duration::from_secs(5);

/// Everybody who looks.
#[derive(Debug, Default)]
pub(super) struct Live {
    seats: Arc<Seats>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Seats(Mutex<Room>);

#[derive(Debug, Default)]
struct Room {
    viewers: Vec<Viewer>,
    next: u64,
    /// The renderer is at work.
    rendering: bool,
}

#[derive(Debug)]
struct Viewer {
    number: u64,
    subscriber: IpAddr,
    queue: mpsc::Sender<Bytes>,
    since: Instant,
    /// Has not been told anything yet; with the digest of the picture it came with.
    new: Option<Option<u64>>,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer: events until either side ends it. While it exists its seat is taken.
pub(super) struct Stream {
    events: mpsc::Receiver<Bytes>,
    seats: Arc<Seats>,
    number: u64,
    metrics: Metrics,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({})", self.number)
    }
}

impl Stream {
    pub(super) fn poll_frame<E>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        Poll::Ready(ready!(self.events.poll_recv(cx)).map(|message| Ok(Frame::data(message))))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.seats.lock().viewers.retain(|viewer| viewer.number != self.number);
        self.metrics.page_viewers.dec();
    }
}

/// The first event: who tells.
#[derive(Serialize)]
struct Hello<'a> {
    version: &'static str,
    /// Of style sheet and script: a page with others has to be loaded anew.
    assets: String,
    started: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    now: Timestamp,
}

/// Takes a seat and answers with what is told from now on, or says that there is none.
pub(super) fn answer<S: Scrape>(shared: &Arc<Shared<S>>, query: Option<&str>, caller: &Caller) -> Answer {
    let have = query::last(query, "have").and_then(|digest| u64::from_str_radix(&digest, 16).ok());
    let Some((stream, queue)) = sit(shared, access::subscriber(caller.peer), have) else {
        shared.app.metrics.refuse(Reason::Viewers, 1);
        let text = "as many look at the live page as may; this one is loaded anew every 30 s";
        return Answer::text(StatusCode::SERVICE_UNAVAILABLE, text).with(RETRY_AFTER, HeaderValue::from_static("30"));
    };
    let snapshot = shared.app.inventory.load();
    let hello = Hello {
        version: AGENT_VERSION,
        assets: format!("{:016x}", page::assets::both()),
        started: shared.started,
        host: snapshot.host.as_deref(),
        now: Timestamp::now(),
    };
    let mut first = String::from("retry: 2000\n");
    event(&mut first, "hello", &hello);
    // Its queue is empty.
    queue.try_send(first.into()).ok();
    shared.live.came.notify_one();
    Answer::events(stream)
}

fn sit<S: Scrape>(
    shared: &Arc<Shared<S>>,
    subscriber: IpAddr,
    have: Option<u64>,
) -> Option<(Stream, mpsc::Sender<Bytes>)> {
    let seats = SEATS.min(shared.app.settings.max_connections / 2).max(1);
    let mut room = shared.live.seats.lock();
    let own = room.viewers.iter().filter(|viewer| viewer.subscriber == subscriber).count();
    // Asked for under the lock: whoever ends the renderer empties the room under it.
    if room.viewers.len() >= seats || own >= seats.div_ceil(2) || shared.shutdown.is_cancelled() {
        return None;
    }
    let (queue, events) = mpsc::channel(QUEUED);
    let number = room.next;
    room.next += 1;
    room.viewers.push(Viewer { number, subscriber, queue: queue.clone(), since: Instant::now(), new: Some(have) });
    let metrics = shared.app.metrics.clone();
    metrics.page_viewers.inc();
    if !std::mem::replace(&mut room.rendering, true) {
        drop(tokio::spawn(render(Arc::clone(shared))));
    }
    drop(room);
    Some((Stream { events, seats: Arc::clone(&shared.live.seats), number, metrics }, queue))
}

/// Whatever ends the renderer, a panic of ours among it: viewers come again, and find another one. `None` once it has ended in peace.
struct Rendering(Option<Arc<Seats>>);

impl Drop for Rendering {
    fn drop(&mut self) {
        if let Some(seats) = &self.0 {
            let mut room = seats.lock();
            room.rendering = false;
            room.viewers.clear();
        }
    }
}

impl Rendering {
    /// Whether somebody is new; `None` when nobody is left, and then the renderer has ended.
    fn attendance(&mut self) -> Option<bool> {
        let seats = self.0.take()?;
        let mut room = seats.lock();
        room.viewers.retain(|viewer| !viewer.queue.is_closed() && viewer.since.elapsed() < SITTING);
        if room.viewers.is_empty() {
            // Under the same lock: whoever sits down from now on starts another.
            room.rendering = false;
            return None;
        }
        let new = room.viewers.iter().any(|viewer| viewer.new.is_some());
        drop(room);
        self.0 = Some(seats);
        Some(new)
    }
}

/// Tells what changes, until nobody looks any more.
async fn render<S: Scrape>(shared: Arc<Shared<S>>) {
    let mut rendering = Rendering(Some(Arc::clone(&shared.live.seats)));
    let _watching = shared.app.history.watch();
    let (mut picture, mut seen, mut access) = (Picture::default(), None, shared.app.gate.changes());
    let mut last: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = shared.live.came.notified() => {}
            () = sleep(LOOK) => {}
        }
        if std::mem::replace(&mut access, shared.app.gate.changes()) != access {
            shared.live.seats.lock().viewers.clear();
        }
        let Some(new) = rendering.attendance() else { return };
        let signs = Signs::of(&shared.app);
        let age = last.map(|last| last.elapsed());
        let due = age.is_none_or(|age| age >= BEAT || (age >= GAP && (new || seen.as_ref() != Some(&signs))));
        if !due {
            continue;
        }
        seen = Some(signs);
        last = Some(Instant::now());
        let rendered = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            rendered = pieces(&shared) => rendered,
        };
        let Some(fragments) = rendered else { return };
        let told = picture.follow(fragments);
        tell(&shared, &picture, told);
    }
}

/// The pieces of the page as it is now, written by a thread that may take its time. `None` after a panic, which the runtime reports.
async fn pieces<S: Scrape>(shared: &Arc<Shared<S>>) -> Option<Vec<Fragment>> {
    let _turn = shared.writing.acquire().await.ok()?;
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || shared.with_view(page::fragments)).await.ok()
}

/// Puts what changed into every queue, and the whole picture into those of new viewers who have another one.
///
/// Both are accounted like other answers that wait to be read: a picture to who gets it, changes once for all, since all share them. Where
/// there is no room for more changes those go who have not taken the ones before.
fn tell<S: Scrape>(shared: &Shared<S>, picture: &Picture, changes: Option<Bytes>) {
    let (mut beat, mut crowded) = (Bytes::from_static(b": as it was\n\n"), false);
    if let Some(changes) = changes {
        let held = shared.unread.hold(ALL, changes.clone());
        crowded = held.is_none();
        beat = held.unwrap_or(changes);
    }
    let mut whole: Option<Bytes> = None;
    let mut late = 0;
    shared.live.seats.lock().viewers.retain_mut(|viewer| {
        let message = match viewer.new.take() {
            Some(have) if have == Some(picture.digest()) => Some(Bytes::from_static(b": as you have it\n\n")),
            Some(_) => {
                let whole = whole.get_or_insert_with(|| picture.whole()).clone();
                shared.unread.hold(viewer.subscriber, whole)
            }
            None if crowded && viewer.queue.capacity() < QUEUED => None,
            None => Some(beat.clone()),
        };
        let taken = message.is_some_and(|message| viewer.queue.try_send(message).is_ok());
        late += u64::from(!taken && !viewer.queue.is_closed());
        taken
    });
    if late > 0 {
        shared.app.metrics.refuse(Reason::Viewers, late);
    }
}
