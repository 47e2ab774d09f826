//! Entry points for the fuzzer, and the list said a second time, as what may leave.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::{
    ask::{Asking, Upstream},
    redact,
    serve::{Refused, converse},
};
use crate::engine::{Values, is_id};

/// More than any seed, so that neither end ever waits for the other.
const PIPE: usize = 1 << 20;

/// How long a silent end is listened to.
const WAIT: std::time::Duration = std::time::Duration::from_millis(5);

/// An engine which keeps what it is asked, byte by byte, and answers something.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(pub(super) Arc<Mutex<Vec<Vec<u8>>>>);

impl Upstream for Recorder {
    type Stream = DuplexStream;

    async fn connect(&self) -> io::Result<DuplexStream> {
        let (theirs, mut ours) = duplex(PIPE);
        let asked = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") && ours.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
            asked.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\nx-secret: canary\r\ncontent-length: 2\r\n\r\n{}";
            drop(ours.write_all(answer).await);
            // What else should come is asked too much.
            let mut more = Vec::new();
            drop(ours.read_to_end(&mut more).await);
            assert!(more.is_empty(), "asked twice on one connection");
        });
        Ok(theirs)
    }
}

/// Bytes of a client -> what reached the engine, what came back, how many were refused.
#[expect(clippy::expect_used, reason = "tests and fuzzers alone")]
pub(super) fn talk(bytes: &[u8]) -> (Vec<String>, Vec<u8>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let (recorder, refused) = (Recorder::default(), Refused::default());
        let asking = Asking::new(recorder.clone());
        let (mut client, server) = duplex(PIPE);
        client.write_all(bytes).await.expect("room for all of it");
        let mut answer = Vec::new();
        let served = std::cell::Cell::new(false);
        let mut serving = std::pin::pin!(async {
            converse(server, &asking, &refused).await;
            served.set(true);
        });
        // A client that says no more and listens. Half a request would be waited for, and so is the end of what cannot be read.
        let listening = async {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = client.read(&mut piece).await {
                answer.extend_from_slice(piece.get(..read).unwrap_or_default());
            }
        };
        let all = async { tokio::join!(serving.as_mut(), listening) };
        drop(tokio::time::timeout(WAIT, all).await);
        drop(client);
        if !served.get() {
            drop(tokio::time::timeout(WAIT * 20, serving).await);
        }
        let asked = recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        (asked, answer, refused.total())
    })
}

/// Whole connections of clients: whatever they send, what leaves is one question of the list, written by us.
pub fn requests(bytes: &[u8]) {
    let (asked, answer, _) = talk(bytes);
    assert!(asked.len() <= 1, "one connection, one question: {asked:?}");
    for asked in &asked {
        assert!(is_ours(asked), "{asked:?}");
    }
    assert!(!answer.windows(6).any(|part| part == b"canary"), "a header of the engine's came through");
}

/// Exactly the bytes that a question consists of.
pub(super) fn is_ours(asked: &str) -> bool {
    let tail = concat!(" HTTP/1.1\r\nhost: engine\r\nuser-agent: spyhop/", env!("CARGO_PKG_VERSION"), "\r\n\r\n");
    let head = asked.strip_suffix(tail);
    head.is_some_and(|head| match head.split_once(' ') {
        Some(("GET", target)) => may_leave(target),
        Some(("HEAD", target)) => may_leave(target) && target.ends_with("/_ping"),
        _ => false,
    })
}

/// What may leave, said in another way than the filter says it.
pub(super) fn may_leave(target: &str) -> bool {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut words: Vec<&str> = path.split('/').skip(1).collect();
    if words.first().is_some_and(|word| word.starts_with('v') && word.contains('.')) {
        words.remove(0);
    }
    let path_fits = match words.as_slice() {
        ["_ping" | "version" | "info" | "events" | "networks"] | ["containers", "json"] => true,
        ["containers", id, "json" | "logs" | "stats"] | ["images", id, "json"] | ["networks", id] => is_id(id),
        _ => false,
    };
    const KNOWN: [&str; 13] = [
        "all",
        "limit",
        "size",
        "filters",
        "stream",
        "one-shot",
        "follow",
        "stdout",
        "stderr",
        "since",
        "until",
        "timestamps",
        "tail",
    ];
    let known = |part: &str| part.split('=').next().is_some_and(|key| KNOWN.contains(&key));
    path_fits && query.is_none_or(|query| query.split('&').all(known)) && target.bytes().all(|b| b.is_ascii_graphic())
}

/// Answers: what is passed on can be read, has no value of an environment in it, and is not changed a second time.
pub fn answers(bytes: &[u8]) {
    if let Ok(once) = redact::document(bytes) {
        let read = serde_json::from_slice::<serde_json::Value>(&once);
        assert!(read.is_ok_and(|read| is_clean(&read)), "{}", String::from_utf8_lossy(&once));
        assert_eq!(redact::document(&once).as_ref(), Ok(&once));
    }
    let mut values = Values::default();
    values.push(bytes);
    while let Some(Ok(event)) = values.next() {
        assert!(redact::event(event).ends_with(b"\n"));
    }
}

/// No `Env` whose entries go on behind the sign. Labels may be called so.
fn is_clean(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    let name_only =
        |entry: &Value| entry.as_str().is_none_or(|entry| entry.ends_with('=') && entry.matches('=').count() == 1);
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| match (key.as_str(), value) {
            ("Labels" | "labels" | "Annotations" | "annotations" | "Attributes", _) => true,
            ("Env", Value::Array(entries)) => entries.iter().all(name_only),
            (_, value) => is_clean(value),
        }),
        Value::Array(elements) => elements.iter().all(is_clean),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(answer: &[u8]) -> String {
        String::from_utf8_lossy(answer).split("\r\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_question_is_asked_anew_and_answered_once() {
        let request = b"GET /v1.41/info HTTP/1.1\r\nHost: docker\r\nX-Evil: a\r\nAuthorization: b\r\n\r\n";
        let (asked, answer, refused) = talk(request);
        assert_eq!(asked.len(), 1);
        assert!(is_ours(&asked[0]) && asked[0].starts_with("GET /v1.41/info HTTP/1.1\r\n"), "{asked:?}");
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n{}"), "{answer}");
        assert!(answer.contains("connection: close") && !answer.contains("x-secret"), "{answer}");
        assert_eq!(refused, 0);
    }

    #[test]
    fn what_is_smuggled_gets_nowhere() {
        let refused: &[&str] = &[
            "POST /info HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /containers/0/archive HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ",
            "GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\n X-Folded: b\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET http://engine/info HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET unix:///var/run/docker.sock HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT engine:2375 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
            "GET /info HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET /info\r\n\r\n",
            "GET  /info HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET /in\tfo HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info\0 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /info%00 HTTP/1.1\r\nHost: a\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}",
        ];
        for request in refused {
            let (asked, answer, count) = talk(request.as_bytes());
            assert_eq!(asked, Vec::<String>::new(), "{request:?}: {}", status(&answer));
            assert_eq!(count, 1, "{request:?}: {}", status(&answer));
            let status = status(&answer);
            assert!(
                status.is_empty() || status.contains(" 403 ") || status.contains(" 400 ") || status.contains(" 505 "),
                "{request:?}: {status}"
            );
        }
        let long = format!("GET /info HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(64 << 10));
        let many = format!("GET /info HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: a\r\n".repeat(100));
        let line = format!("GET /info?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(64 << 10));
        for request in [long, many, line] {
            let (asked, answer, count) = talk(request.as_bytes());
            assert!(asked.is_empty() && count == 1, "{}", status(&answer));
        }
    }

    #[test]
    fn what_follows_a_request_is_never_read_as_one() {
        for first in ["GET /info HTTP/1.1\r\nHost: a\r\n\r\n", "POST /info HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let pipelined =
                format!("{first}GET /version HTTP/1.1\r\nHost: a\r\n\r\nPOST /containers/create HTTP/1.1\r\n\r\n");
            let (asked, answer, _) = talk(pipelined.as_bytes());
            assert_eq!(asked.len(), usize::from(first.starts_with("GET")), "{asked:?}");
            assert!(asked.iter().all(|asked| asked.contains("/info")));
            assert_eq!(String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count(), 1, "one answer");
        }
    }
}
