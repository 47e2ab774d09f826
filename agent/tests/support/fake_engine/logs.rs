//! What containers wrote, and `GET /containers/{id}/logs`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    container::FakeContainer,
    events::nanoseconds,
    faults::{Body, whole},
    server::Shared,
};

/// Outputs by the number which frames carry: 3 is what the engine itself has to say.
pub const STDOUT: u8 = 1;
pub const STDERR: u8 = 2;
pub const TROUBLE: u8 = 3;

/// One message as the engine took it: a line with its end, or a part without.
#[derive(Clone, Debug)]
struct Entry {
    output: u8,
    time: i64,
    bytes: Vec<u8>,
}

/// What is kept of one container's output.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    entries: VecDeque<Entry>,
    /// Entries rotated away before them.
    gone: u64,
}

impl Kept {
    pub fn push(&mut self, output: u8, time: i64, bytes: &[u8]) {
        self.entries.push_back(Entry { output, time, bytes: bytes.to_vec() });
    }

    /// Rotates the oldest away, whether somebody follows or not.
    pub fn forget(&mut self, count: usize) {
        self.gone += self.entries.drain(..count).len() as u64;
    }
}

/// The parameters of one request.
#[derive(Clone, Debug)]
pub struct Asked {
    follow: bool,
    outputs: [bool; 4],
    timestamps: bool,
    since: i128,
    tty: bool,
}

impl Asked {
    /// Reads the query of a request for this container, or says with which status and sentence the engine refuses.
    pub fn parse(container: &FakeContainer, query: &BTreeMap<String, String>) -> Result<Self, (u16, String)> {
        let flag = |key: &str| {
            let word = query.get(key).map_or("", String::as_str).trim().to_lowercase();
            !matches!(word.as_str(), "" | "0" | "no" | "false" | "none")
        };
        let (stdout, stderr) = (flag("stdout"), flag("stderr"));
        if !(stdout || stderr) {
            return Err((400, "Bad parameters: you must choose at least one stream".into()));
        }
        let inspect = &container.inspect;
        if inspect["State"]["Dead"] == true {
            return Err((409, "can not get logs from container which is dead or marked for removal".into()));
        }
        let config = &inspect["HostConfig"]["LogConfig"];
        let no_cache = config["Config"]["cache-disabled"] == "true";
        let unreadable = match config["Type"].as_str() {
            Some("none") => true,
            None | Some("json-file" | "local" | "journald") => false,
            Some(_) => no_cache,
        };
        if unreadable {
            return Err((501, "configured logging driver does not support reading".into()));
        }
        let since = match query.get("since").filter(|text| !text.is_empty()) {
            None => i128::MIN,
            Some(text) => nanoseconds(text).map_err(|problem| (400, problem))?,
        };
        Ok(Self {
            follow: flag("follow"),
            outputs: [false, stdout, stderr, true],
            timestamps: flag("timestamps"),
            since,
            tty: inspect["Config"]["Tty"] == true,
        })
    }

    /// An entry as it goes over the wire; nothing when it was not asked for.
    fn wire(&self, entry: &Entry) -> Vec<u8> {
        let trouble = entry.output == TROUBLE;
        if !trouble && (i128::from(entry.time) < self.since || !self.outputs[usize::from(entry.output)]) {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        if self.timestamps && !trouble {
            let time = Timestamp::from_nanosecond(i128::from(entry.time)).expect("a time of a test");
            bytes.extend_from_slice(format!("{time:.9} ").as_bytes());
        }
        bytes.extend_from_slice(&entry.bytes);
        if self.tty && !trouble {
            return bytes;
        }
        let length = u32::try_from(bytes.len()).expect("a short message").to_be_bytes();
        [&[entry.output, 0, 0, 0][..], &length, &bytes].concat()
    }

    /// What is kept now.
    pub fn history(&self, kept: Option<&Kept>) -> Vec<u8> {
        kept.into_iter().flat_map(|kept| &kept.entries).flat_map(|entry| self.wire(entry)).collect()
    }
}

/// The answer: what is kept, then, when followed, what comes, until the container ends.
pub fn body(shared: &Arc<Shared>, id: &str, asked: Asked) -> Body {
    if !asked.follow {
        return whole(asked.history(shared.world().logs.get(id)));
    }
    let state = (Arc::clone(shared), shared.log_news(), id.to_owned(), 0u64);
    let messages = stream::unfold(state, move |(shared, mut news, id, mut next)| {
        let asked = asked.clone();
        async move {
            loop {
                news.mark_unchanged();
                let (found, running) = {
                    let world = shared.world();
                    let kept = world.logs.get(&id);
                    // A follower who is too slow is told nothing of what was rotated away.
                    next = next.max(kept.map_or(0, |kept| kept.gone));
                    let place = usize::try_from(next - kept.map_or(0, |kept| kept.gone)).expect("a small number");
                    let found = kept.and_then(|kept| kept.entries.get(place)).map(|entry| asked.wire(entry));
                    let running = |c: &FakeContainer| c.inspect["State"]["Running"] == Value::Bool(true);
                    (found, world.by_key(&id).is_some_and(running))
                };
                match found {
                    Some(bytes) => {
                        next += 1;
                        if !bytes.is_empty() {
                            return Some((Ok(Frame::data(Bytes::from(bytes))), (shared, news, id, next)));
                        }
                    }
                    None if !running => return None,
                    None => news.changed().await.ok()?,
                }
            }
        }
    });
    BodyExt::boxed(StreamBody::new(Box::pin(messages)))
}
