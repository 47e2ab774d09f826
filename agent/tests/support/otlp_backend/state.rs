//! What was asked, what is kept of it, and what must not have come.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use spyhop::otlp::Signal;

use super::{
    faults::{Fault, Refusal},
    judge::{Limits, Request},
};

/// A client that is told to wait may have sent this much later what it sent before it heard.
const GRACE: Duration = Duration::from_millis(150);
/// Clocks are read at two places.
const SLACK: Duration = Duration::from_millis(20);

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The connection it came over, from 1.
    pub connection: u64,
    /// When it was whole.
    pub at: Instant,
    /// Which of the three.
    pub signal: Signal,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, unpacked.
    pub body: Bytes,
    /// Whether it was compressed.
    pub compressed: bool,
    /// Its records.
    pub records: usize,
    /// Whether it was stored.
    pub stored: bool,
}

/// What the answer will be.
#[derive(Debug)]
pub enum Outcome {
    /// Taken but for so many, with these words.
    Taken(i64, String),
    /// Refused.
    Refused(Refusal),
    /// Something that only the transport can do.
    Fault(Fault),
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct State {
    pub limits: Limits,
    pub script: VecDeque<Fault>,
    pub always: Option<Fault>,
    pub asked: Vec<Asked>,
    pub kept: Vec<Request>,
    pub complaints: Vec<String>,
    pub accepted: u64,
    pub black_hole: bool,
    /// Bodies that must not come again, and why.
    done: HashMap<Bytes, &'static str>,
    /// Nothing may come between these.
    throttled: Option<(Instant, Instant)>,
}

impl State {
    /// What a client did that it must not.
    pub fn complain(&mut self, what: impl Into<String>) {
        self.complaints.push(what.into());
    }

    /// A request whose form is right, or the refusal of its form.
    pub fn take(&mut self, mut asked: Asked, form: Result<(), Refusal>, grpc: bool) -> Outcome {
        self.check_pace(asked.at);
        let read = form.and_then(|()| {
            let request = Request::decode(asked.signal, &asked.body)?;
            request.check_ids()?;
            Ok(request)
        });
        if let Some(why) = self.done.get(&asked.body) {
            let complaint =
                format!("{} bytes of {} came again after they were {why}", asked.body.len(), asked.signal.as_str());
            self.complain(complaint);
        }
        asked.records = read.as_ref().map_or(0, Request::records);
        if read.is_ok() && asked.records == 0 {
            self.complain("a request without a record");
        }
        let outcome = match read {
            Err(refusal) => {
                // A test may send too much; it never means to send nonsense.
                if !refusal.words.contains("larger than max") {
                    self.complain(format!("a request that is none: {}", refusal.words));
                }
                Outcome::Refused(refusal)
            }
            Ok(request) => self.fate(request, &mut asked),
        };
        self.remember(&asked, &outcome, grpc);
        self.asked.push(asked);
        outcome
    }

    fn fate(&mut self, request: Request, asked: &mut Asked) -> Outcome {
        if !self.limits.takes(asked.signal) {
            return Outcome::Refused(Refusal::new(12, 404, "unknown service"));
        }
        let fault = self.script.pop_front().or_else(|| self.always.clone());
        let without_id = request.without_id();
        asked.stored = match &fault {
            None => true,
            Some(Fault::Refuse(_) | Fault::Cut | Fault::Silence | Fault::Foreign { .. }) => false,
            Some(_) => true,
        };
        if asked.stored {
            self.kept.push(request);
        }
        match fault {
            None if without_id > 0 => Outcome::Taken(without_id as i64, "spans without an id".to_owned()),
            None => Outcome::Taken(0, String::new()),
            Some(Fault::Partial(rejected, words)) => Outcome::Taken(rejected, words),
            Some(Fault::Refuse(refusal)) => Outcome::Refused(refusal),
            Some(fault) => Outcome::Fault(fault),
        }
    }

    fn remember(&mut self, asked: &Asked, outcome: &Outcome, grpc: bool) {
        let why = match outcome {
            Outcome::Taken(0, words) if words.is_empty() => "acknowledged",
            Outcome::Taken(..) => "acknowledged in part",
            Outcome::Refused(refusal) if refusal.is_retryable(grpc) => {
                if let Some(delay) = refusal.retry {
                    self.throttled = Some((asked.at, asked.at + delay));
                }
                return;
            }
            Outcome::Refused(_) => "refused for good",
            Outcome::Fault(Fault::Slow(_) | Fault::GoAway) => "acknowledged",
            // The client may not know that it was taken.
            Outcome::Fault(_) => return,
        };
        self.done.insert(asked.body.clone(), why);
    }

    fn check_pace(&mut self, now: Instant) {
        let Some((since, until)) = self.throttled else { return };
        if now > since + GRACE && now + SLACK < until {
            self.complain(format!("a request {:?} before the end of a wait of {:?}", until - now, until - since));
        }
    }
}
