//! The handle everybody above holds: one method a question.

use std::{sync::Arc, time::Duration};

use bollard::{ClientVersion, Docker, errors::Error as Bollard, query_parameters::ListNetworksOptions};
use bytes::Bytes;
use futures_util::Stream;
use http::Method;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{
    Address, Endpoint, Error,
    answers::{ContainerInspect, ContainerSummary, ImageInspect, SystemInfo},
    convert,
    error::Request,
    events, lenient, logs,
    routes::is_id,
    stats,
    transport::Transport,
    version::{ApiVersion, Negotiated},
};
use crate::{
    model::{Container, ContainerId, ContainerSample, EngineInfo, EngineVersion, Event, Image, Network},
    telemetry::{EngineCall, Metrics, Outcome, Reason},
};

/// More containers than this on one host are left out of the list and counted.
pub const MAX_CONTAINERS: usize = 10_000;

/// bollard writes whole answers to the `log` crate at debug level. Cargo features compile that out; should they be lost one day, this no
/// longer compiles.
const _: () = assert!(log::STATIC_MAX_LEVEL as usize <= log::LevelFilter::Info as usize);

/// bollard's own deadline covers headers only and counts whole seconds. Ours covers whole answers; this one must never be the first.
const BOLLARD_TIMEOUT_SECONDS: u64 = 3600;

/// How long a whole answer may take, headers and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// `GET /_ping`.
    pub ping: Duration,
    /// Everything else; for events the headers alone.
    pub answer: Duration,
}

impl Default for Deadlines {
    /// A loaded engine lists a thousand containers in about a second; one that needs longer than ten is as good as hung.
    fn default() -> Self {
        Self { ping: Duration::from_secs(5), answer: Duration::from_secs(10) }
    }
}

/// The engine behind one socket. Cheap to clone; connects when asked, once a question; can only read.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    transport: Transport,
    /// Asks what is small; the large answers are read by types of our own.
    docker: Docker,
    deadlines: Deadlines,
    metrics: Metrics,
}

impl Engine {
    /// A handle; nothing is connected yet, the socket need not exist.
    ///
    /// # Errors
    /// None that is known: the library behind it may refuse.
    pub fn new(endpoint: impl Into<Endpoint>, metrics: Metrics) -> Result<Self, Error> {
        Self::with_deadlines(endpoint, metrics, Deadlines::default())
    }

    /// [`Self::new`] with other deadlines.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_deadlines(
        endpoint: impl Into<Endpoint>,
        metrics: Metrics,
        deadlines: Deadlines,
    ) -> Result<Self, Error> {
        let transport = Transport::new(endpoint.into(), metrics.clone());
        let inner = transport.clone();
        let send = move |request: bollard::BollardRequest| {
            let transport = inner.clone();
            let (parts, _) = request.into_parts();
            async move { transport.get(&parts.method, &parts.uri).await.map_err(|err| Bollard::IOError { err }) }
        };
        // The version given here is a number without effect: the transport writes the negotiated one into each path.
        let unused = ClientVersion { major_version: 1, minor_version: 41 };
        let docker =
            Docker::connect_with_custom_transport(send, Some("http://engine"), BOLLARD_TIMEOUT_SECONDS, &unused)
                .map_err(|error| Error::sort(EngineCall::Ping.into(), transport.address(), error))?;
        Ok(Self(Arc::new(Parts { transport, docker, deadlines, metrics })))
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        self.0.transport.address()
    }

    /// Whether the engine answers at all.
    ///
    /// # Errors
    /// No answer within [`Deadlines::ping`], or none that is well.
    pub async fn ping(&self) -> Result<(), Error> {
        self.through_bollard(EngineCall::Ping.into(), self.0.docker.ping()).await.map(drop)
    }

    /// Asks for the engine's versions and agrees on the newest both sides speak; every later path carries it. Asked again after
    /// each reconnect, for the engine may have been replaced meanwhile.
    ///
    /// # Errors
    /// [`Error::TooOld`] or [`Error::TooNew`] when there is none; what was agreed on before stays in force then.
    pub async fn version(&self) -> Result<EngineVersion, Error> {
        self.0.transport.renew();
        let request = Request::from(EngineCall::Version);
        let answer = self.through_bollard(request.clone(), self.0.docker.version()).await?;
        let parse = |text: Option<&String>| text.and_then(|text| text.parse::<ApiVersion>().ok());
        let newest =
            parse(answer.api_version.as_ref()).ok_or(Error::Malformed { request, reason: "no API version" })?;
        let oldest = parse(answer.min_api_version.as_ref());
        match ApiVersion::negotiate(newest, oldest) {
            Negotiated::Speak(version) => {
                self.0.transport.speak(version);
                Ok(convert::version(&answer, version))
            }
            Negotiated::TooOld => Err(Error::TooOld { newest }),
            Negotiated::TooNew => Err(Error::TooNew { oldest: oldest.unwrap_or(newest) }),
        }
    }

    /// Facts of the host as the engine knows them.
    ///
    /// # Errors
    /// No whole answer in time, or none that is understood.
    pub async fn info(&self) -> Result<EngineInfo, Error> {
        let answer: SystemInfo = self.ask(EngineCall::Info.into(), "/info").await?;
        Ok(convert::info(&answer))
    }

    /// Ids of all containers in every state, newest first, [`MAX_CONTAINERS`] at most; the rest is counted as refused.
    ///
    /// # Errors
    /// No whole answer in time, or none that is understood.
    pub async fn containers(&self) -> Result<Vec<ContainerId>, Error> {
        let rows: Vec<ContainerSummary> = self.ask(EngineCall::List.into(), "/containers/json?all=true").await?;
        let ids = rows.into_iter().filter_map(|row| row.id).filter(|id| is_id(id));
        let mut ids: Vec<_> = ids.map(ContainerId::new).collect();
        let surplus = ids.len().saturating_sub(MAX_CONTAINERS);
        if surplus > 0 {
            ids.truncate(MAX_CONTAINERS);
            self.0.metrics.refuse(Reason::Containers, u64::try_from(surplus).unwrap_or(u64::MAX));
        }
        Ok(ids)
    }

    /// Everything about one container; `None` when it is gone.
    ///
    /// # Errors
    /// No whole answer in time, or none that is understood.
    pub async fn container(&self, id: &ContainerId) -> Result<Option<Container>, Error> {
        let request = Request { call: EngineCall::Inspect, id: Some(id.as_str().into()) };
        let answer: Option<ContainerInspect> = self.ask_for(request, "containers", id.as_str()).await?;
        Ok(answer.map(|answer| convert::container(answer, id)))
    }

    /// All networks, in the engine's order.
    ///
    /// # Errors
    /// No whole answer in time, or none that is understood.
    pub async fn networks(&self) -> Result<Vec<Network>, Error> {
        let list = self.0.docker.list_networks(None::<ListNetworksOptions>);
        let answer = self.through_bollard(EngineCall::Networks.into(), list).await?;
        Ok(answer.into_iter().filter_map(convert::network).collect())
    }

    /// An image by its id (`sha256:...`); `None` when it is gone.
    ///
    /// # Errors
    /// No whole answer in time, or none that is understood.
    pub async fn image(&self, id: &str) -> Result<Option<Image>, Error> {
        let request = Request { call: EngineCall::Image, id: Some(id.into()) };
        let answer: Option<ImageInspect> = self.ask_for(request, "images", id).await?;
        Ok(answer.map(|answer| convert::image(&answer, id)))
    }

    /// What one container uses, as the engine reads it from the kernel now: without limits, and without what its API does not
    /// tell. `None` when it is gone.
    ///
    /// # Errors
    /// No whole answer in time, or none that is understood.
    pub async fn stats(&self, id: &ContainerId) -> Result<Option<ContainerSample>, Error> {
        stats::ask(self, id).await
    }

    /// What happens to containers and networks: past events from `since` on (the engine keeps 256), then new ones as they come.
    ///
    /// The stream ends when `until` has passed or the engine closes it. An error is its last item: after bytes that are no JSON
    /// the beginning of the next event is not known, and what was missed has to be found by comparing with the list anyway.
    pub fn events(
        &self,
        since: Timestamp,
        until: Option<Timestamp>,
    ) -> impl Stream<Item = Result<Event, Error>> + Send + Unpin + 'static {
        events::follow(self.clone(), since, until)
    }

    /// A container's output with its times: what is kept of it from `since` on (nanoseconds since 1970, the moment itself
    /// included), then, with `follow`, what comes until the container ends. `tty` as inspected: the answer's form hangs on it.
    ///
    /// # Errors
    /// [`Error::Refused`] with 404 or 409 for a container that is gone or going, 501 where its driver keeps nothing to read; no answer
    /// in time.
    pub async fn logs(
        &self,
        id: &ContainerId,
        tty: bool,
        since: Option<i64>,
        follow: bool,
    ) -> Result<logs::LogFollow, Error> {
        logs::follow(self, id, tty, since, follow).await
    }

    /// Asks for one thing of a `kind` by its id, of which 404 is a good answer.
    async fn ask_for<T: DeserializeOwned>(&self, request: Request, kind: &str, id: &str) -> Result<Option<T>, Error> {
        if !is_id(id) {
            return Err(Error::InvalidId { request });
        }
        match self.ask(request, &format!("/{kind}/{id}/json")).await {
            Err(error) if error.is_gone() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// What bollard asks: waits for the whole answer under its deadline, mends it where bollard refuses it, and counts the outcome.
    async fn through_bollard<T: DeserializeOwned>(
        &self,
        request: Request,
        question: impl Future<Output = Result<T, Bollard>>,
    ) -> Result<T, Error> {
        let after = self.deadline(&request);
        let answer = match tokio::time::timeout(after, question).await {
            Err(_) => Err(Error::Timeout { request: request.clone(), after }),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Bollard::JsonDataError { contents, .. })) => self.read(&request, contents.as_bytes()),
            Ok(Err(error)) => Err(Error::sort(request.clone(), self.address(), error)),
        };
        self.count(&request, answer)
    }

    fn deadline(&self, request: &Request) -> Duration {
        match request.call {
            EngineCall::Ping => self.0.deadlines.ping,
            _ => self.0.deadlines.answer,
        }
    }

    /// Asks, reads the answer, mends it where its type refuses it, and counts the outcome.
    async fn ask<T: DeserializeOwned>(&self, request: Request, path: &str) -> Result<T, Error> {
        let answer = match self.whole(&request, path).await {
            Ok(bytes) => self.read(&request, &bytes),
            Err(error) => Err(error),
        };
        self.count(&request, answer)
    }

    /// The whole body of a good answer, under the deadline of its question.
    async fn whole(&self, request: &Request, path: &str) -> Result<Bytes, Error> {
        let after = self.deadline(request);
        let answer = tokio::time::timeout(after, self.body(request, path)).await;
        answer.unwrap_or_else(|_| Err(Error::Timeout { request: request.clone(), after }))
    }

    async fn body(&self, request: &Request, path: &str) -> Result<Bytes, Error> {
        let broken = |error| Error::broken(request.clone(), self.address(), error);
        let uri = path.parse().map_err(|_| Error::InvalidId { request: request.clone() })?;
        let answer = self.0.transport.get(&Method::GET, &uri).await.map_err(|error| broken(error.into()))?;
        if !answer.status().is_success() {
            return Err(events::refusal(request.clone(), answer).await);
        }
        let whole = answer.into_body().collect().await.map_err(|error| broken(error.into()))?;
        Ok(whole.to_bytes())
    }

    /// serde's texts may quote the value they stumbled over: dropped.
    fn read<T: DeserializeOwned>(&self, request: &Request, bytes: &[u8]) -> Result<T, Error> {
        let reason = match serde_json::from_slice(bytes) {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_eof() => "ends too early",
            Err(_) => match lenient::read(bytes) {
                Some(answer) => {
                    self.0.metrics.engine_repairs.inc();
                    return Ok(answer);
                }
                None => "not what the API promises",
            },
        };
        Err(Error::Malformed { request: request.clone(), reason })
    }

    fn count<T>(&self, request: &Request, answer: Result<T, Error>) -> Result<T, Error> {
        let outcome = match &answer {
            Ok(_) => Outcome::Ok,
            Err(error) if error.is_gone() => Outcome::Gone,
            Err(_) => Outcome::Error,
        };
        self.0.metrics.engine_request(request.call, outcome);
        answer
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }
}
