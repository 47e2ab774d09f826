//! What a destination speaks: Loki's own push, or OTLP. Their answers are told in the same words.

use std::time::Duration;

use bytes::Bytes;

use super::{Item, fate::first_line};
use crate::{
    delivery::{
        Verdict,
        http::{Answer, Client, SendError},
    },
    logs::{
        loki::{self, Pusher},
        otlp,
    },
    otlp::{Client as OtlpClient, Signal, Sorted},
};

/// How a destination is reached.
#[derive(Debug)]
pub(in crate::logs) enum Way {
    /// Loki.
    Loki(Box<Client>),
    /// A back end that takes log records.
    Otlp(OtlpClient),
}

/// An answer, understood.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) sorted: loki::Sorted,
    /// How long the server asks to be left alone.
    pub(super) after: Option<Duration>,
    /// Its code, for people.
    pub(super) code: String,
    /// The beginning of what it says.
    pub(super) words: String,
}

/// A body that is ready to go; `None` is one that no server would take.
pub(super) type Body = Option<Bytes>;

impl Way {
    /// Whether what is refused for a wrong address or credentials must not be sent again: OTLP has it so.
    pub(super) const fn gives_up(&self) -> bool {
        matches!(self, Self::Otlp(_))
    }

    /// The body of a push; `None` where it is larger than any push may be, which is answered like by the server.
    pub(super) fn body(&self, pusher: &mut Pusher, items: &[Item]) -> Body {
        let chunks = || items.iter().map(|item| &*item.chunk);
        let streams = chunks().map(|chunk| (&*chunk.stream.labels, chunk.entries.as_slice()));
        // A mebibyte at most, a millisecond or two: another thread for it would cost as much.
        match self {
            Self::Loki(_) => pusher.body(streams).ok(),
            Self::Otlp(_) => {
                let lines = chunks().zip(streams).map(|(chunk, (labels, entries))| {
                    let ids = chunk.progress.iter().map(|progress| progress.origin.id.as_str()).collect();
                    otlp::Lines { labels, entries, ids }
                });
                // What is none was damaged on its way to disk and back, and its checksum with it.
                otlp::request(lines).ok().map(Bytes::from)
            }
        }
    }

    /// Sends it, and says what the answer means for a push of so many streams.
    pub(super) async fn push(&self, body: Body, streams: usize) -> Result<Told, SendError> {
        match (self, body) {
            (Self::Loki(client), Some(body)) => {
                let answer = client.post(body, loki::CONTENT_TYPE, Some(loki::CONTENT_ENCODING)).await?;
                Ok(Told::loki(&answer, streams))
            }
            (Self::Otlp(client), Some(body)) => {
                let told = client.send(Signal::Logs, body).await?;
                Ok(Told::otlp(told, streams))
            }
            (_, None) => {
                let answer = Answer { status: 413, retry_after: None, body: Vec::new() };
                Ok(Told::loki(&answer, streams))
            }
        }
    }
}

impl Told {
    fn loki(answer: &Answer, streams: usize) -> Self {
        let text = answer.text();
        Self {
            sorted: loki::sort(answer.status, &text, streams),
            after: answer.retry_after,
            code: format!("status {}", answer.status),
            words: first_line(&text).to_owned(),
        }
    }

    fn otlp(told: Sorted, streams: usize) -> Self {
        let code = match told.verdict {
            Verdict::Delivered => "taken",
            Verdict::Retry | Verdict::Slower => "not now",
            _ => "refused",
        };
        let sorted = otlp::sort(&told, streams);
        Self { sorted, after: told.after, code: code.to_owned(), words: told.words }
    }
}
