//! One request and its answer.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{
    Shared,
    counts::{Counts, Reason, Transport},
    forwarded,
    framing::{Part, Unary},
    head::{Denied, Head, Voice, expects_word},
    json,
    origin::Origin,
    payload::Payload,
    refusal::{COME_AGAIN, Refusal},
    reply::{Reply, refused, taken},
    room::Place,
    seat::{self, Seat},
};
use crate::{
    otlp::{Code, Signal, Status},
    traces::{
        caller::Caller,
        intake::{Answer, Bound},
    },
};

/// Bytes of a refused body that are thrown away before the answer, at most.
const MAX_REST: usize = 256 << 20;

/// Who is at the other end.
pub(super) struct From {
    pub(super) caller: Caller,
    pub(super) origin: Origin,
    pub(super) bound: Bound,
}

/// One connection, as its requests see it.
pub(super) struct Line {
    pub(super) shared: Arc<Shared>,
    pub(super) from: From,
    pub(super) seat: Arc<Seat>,
}

impl Line {
    /// Answers one request.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
        let mut request_under_way = self.seat.begin();
        let (parts, mut body) = request.into_parts();
        let old = parts.version < http::Version::HTTP_2;
        let waits = expects_word(&parts.headers);
        let head = Head::read(&parts);
        // A proxy that writes the header for HTTP may pass on what a client of gRPC calls so.
        let over_grpc = head.as_ref().is_ok_and(|head| matches!(head.voice, Voice::Grpc { .. }));
        let trusted = &self.shared.receiver.trusted_proxies;
        let behind = forwarded::behind(&self.from.caller, &parts.headers, trusted).filter(|_| !over_grpc);
        // Heads are the largest part of requests that are refused, and of those whose body does not come.
        drop(parts);
        let mut tally = Tally::new(&self.shared.counts, &head);
        let (voice, outcome) = match head {
            Err(denied) => (denied.voice, Err(denied.refusal)),
            Ok(head) => {
                let outcome = self.take(&head, behind, &mut body, &mut request_under_way, &mut tally);
                (head.voice, outcome.await.map(|(rejected, message)| (head.signal, rejected, message)))
            }
        };
        let response = match outcome {
            Ok((signal, rejected, message)) => {
                tally.code = Code::Ok;
                taken(voice, signal, rejected, &message)
            }
            Err(refusal) => {
                tally.code = refusal.status.code;
                refusal.reason.into_iter().for_each(|reason| self.shared.counts.refuse(reason));
                // Who waits for a word has sent nothing yet, and who is slow or gone sends nothing more.
                let sends = !(waits && tally.bytes == 0) && refusal.reason != Some(Reason::Slow);
                if old && sends && tally.code != Code::Cancelled {
                    self.throw_away(&mut body).await;
                }
                refused(voice, &refusal)
            }
        };
        Ok(response)
    }

    /// Reads the body and has it taken; what was not taken of it, and why.
    async fn take(
        &self,
        head: &Head,
        behind: Option<Caller>,
        body: &mut Incoming,
        request: &mut seat::Request,
        tally: &mut Tally<'_>,
    ) -> Result<(u64, String), Refusal> {
        let Shared { intake, receiver, patience, room, .. } = &*self.shared;
        let deadline = head.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let origin = behind.as_ref().map_or_else(|| self.from.origin.clone(), |caller| Origin::of(caller, None));
        let place = room.enter(origin).map_err(Refusal::no_room)?;
        let payload = Payload::new(place, receiver.max_request);
        let read = read(head, body, payload, patience, tally);
        let (message, mut place) = until(deadline, read).await??;
        request.is_whole();
        let message = match head.voice {
            Voice::Json => json::convert(head.signal, message, &mut place, receiver.max_request)?,
            _ => message,
        };
        let proxied = behind.map(|caller| intake.greet(caller).bound);
        let bound = proxied.as_ref().unwrap_or(&self.from.bound);
        let taking = timeout_at(Instant::now() + patience.take, intake.take(bound, head.signal, message));
        let answer = until(deadline, taking).await?.unwrap_or(Answer::Busy(COME_AGAIN));
        match answer {
            Answer::Taken { rejected, message } => Ok((rejected, message)),
            Answer::Malformed(why) => Err(Refusal::new(None, Status::new(Code::InvalidArgument, why))),
            Answer::Busy(retry) => {
                Err(Refusal::new(None, Status::new(Code::Unavailable, "not taken at present").after(retry)))
            }
            Answer::Unwanted(why) => Err(Refusal::new(None, Status::new(Code::Unimplemented, why))),
        }
    }

    /// Lets the client send the rest: over HTTP/1.1 it looks for an answer only then, and a connection that is closed before is one more
    /// reason to send all of it again.
    async fn throw_away(&self, body: &mut Incoming) {
        let deadline = Instant::now() + self.shared.patience.rest;
        let mut left = MAX_REST;
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    }
}

/// Within the time the client gave it.
async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T, Refusal> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.map_err(|_| Refusal::late()),
        None => Ok(work.await),
    }
}

/// Reads one body to its end.
async fn read(
    head: &Head,
    body: &mut Incoming,
    mut payload: Payload,
    patience: &super::Patience,
    tally: &mut Tally<'_>,
) -> Result<(Bytes, Place), Refusal> {
    let mut unary = head.voice.is_grpc().then(Unary::default);
    if unary.is_none() {
        head.length.into_iter().try_for_each(|length| payload.announce(length))?;
        if head.gzip {
            payload.unpack()?;
        }
    }
    let deadline = Instant::now() + patience.body;
    loop {
        let frame = timeout_at(deadline.min(Instant::now() + patience.stall), body.frame());
        let Some(frame) = frame.await.map_err(|_| Refusal::slow())? else { break };
        // Trailers say nothing here.
        let Ok(mut piece) = frame.map_err(|_| Refusal::broken())?.into_data() else { continue };
        tally.bytes += piece.len();
        match &mut unary {
            None => payload.push(piece)?,
            Some(unary) => {
                while let Some(part) = unary.next(&mut piece)? {
                    frame_part(part, head.gzip, &mut payload)?;
                }
            }
        }
        while payload.work()? {
            tokio::task::yield_now().await;
        }
    }
    if let Some(unary) = unary {
        unary.finish()?;
    }
    payload.finish()
}

fn frame_part(part: Part, gzip: bool, payload: &mut Payload) -> Result<(), Refusal> {
    match part {
        Part::Begin { compressed: true, .. } if !gzip => {
            Err(Refusal::frames("a message says that it is compressed, and grpc-encoding does not say how"))
        }
        Part::Begin { compressed, length } => {
            payload.announce(length)?;
            if compressed { payload.unpack() } else { Ok(()) }
        }
        Part::Bytes(bytes) => payload.push(bytes),
    }
}

/// Counts a request once it is over, however it ends.
struct Tally<'a> {
    counts: &'a Counts,
    /// Of what it is; `None` where that is unknown.
    of: Option<(Signal, Transport)>,
    bytes: usize,
    code: Code,
}

impl<'a> Tally<'a> {
    fn new(counts: &'a Counts, head: &Result<Head, Box<Denied>>) -> Self {
        let of = match head {
            Ok(head) => Some((head.signal, head.voice.transport())),
            Err(denied) => denied.signal.map(|signal| (signal, denied.voice.transport())),
        };
        Self { counts, of, bytes: 0, code: Code::Cancelled }
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if let Some((signal, transport)) = self.of {
            self.counts.received(signal, transport, self.bytes);
            self.counts.request(signal, transport, self.code);
        }
    }
}
