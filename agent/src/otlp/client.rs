//! One back end, whatever is spoken with it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::{Signal, Sorted, verdict};
use crate::delivery::{
    blocking, grpc,
    http::{self, SendError, SettingsError},
};

/// Smaller requests are not worth compressing.
const WORTH_IT: usize = 1 << 10;

const PROTOBUF: &str = "application/x-protobuf";
const GZIP: &str = "gzip";

/// What is spoken with a back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    Http,
}

/// Sends requests, and sorts their answers.
#[derive(Debug)]
pub struct Client {
    spoken: Spoken,
    gzip: bool,
}

#[derive(Debug)]
enum Spoken {
    Grpc(Box<grpc::Client>),
    /// One for each path.
    Http(Box<[http::Client; Signal::ALL.len()]>),
}

impl Client {
    /// Checks the settings, whose address is the base for HTTP. With `gzip` requests are compressed. Touches neither files nor the network.
    ///
    /// # Errors
    /// Settings that can never work.
    pub fn new(protocol: Protocol, server: &http::Settings, gzip: bool) -> Result<Self, SettingsError> {
        let spoken = match protocol {
            Protocol::Grpc => Spoken::Grpc(Box::new(grpc::Client::new(server.clone())?)),
            Protocol::Http => {
                let of = |signal: Signal| {
                    let url = format!("{}{}", server.url.trim_end_matches('/'), signal.http_path());
                    http::Client::new(http::Settings { url, ..server.clone() })
                };
                let [traces, metrics, logs] = Signal::ALL.map(of);
                Spoken::Http(Box::new([traces?, metrics?, logs?]))
            }
        };
        Ok(Self { spoken, gzip })
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(&self, signal: Signal, request: Bytes) -> Result<Sorted, SendError> {
        let packed = if self.gzip && request.len() >= WORTH_IT { blocking(|| compressed(&request)) } else { None };
        let (body, encoding) = packed.map_or((request, None), |packed| (packed, Some(GZIP)));
        match &self.spoken {
            Spoken::Grpc(client) => {
                let answer = client.call(signal.grpc_path(), body, encoding).await?;
                Ok(verdict::grpc(answer.code, &answer.message, &answer.details, &answer.body))
            }
            Spoken::Http(clients) => {
                let [traces, metrics, logs] = &**clients;
                let client = match signal {
                    Signal::Traces => traces,
                    Signal::Metrics => metrics,
                    Signal::Logs => logs,
                };
                let answer = client.post(body, PROTOBUF, encoding).await?;
                Ok(verdict::http(answer.status, answer.retry_after, &answer.body))
            }
        }
    }
}

/// The bytes compressed, for speed rather than for size; `None` where that makes nothing smaller.
fn compressed(bytes: &Bytes) -> Option<Bytes> {
    let mut packed = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    packed.write_all(bytes).ok()?;
    packed.finish().ok().filter(|packed| packed.len() < bytes.len()).map(Bytes::from)
}
