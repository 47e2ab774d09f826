//! Unary calls to one gRPC server: a message out, a status and perhaps a message back, or a sorted failure.
//!
//! All calls share one HTTP/2 connection, which is kept between them and made anew when it has ended, has been told to (GOAWAY), was idle for
//! long, or let a call run into its deadline. Nothing is sent twice in here, but for calls that surely never left. No pings are sent: servers
//! take offence at them, and a call that is not over at its deadline tells as much.
//!
//! Source: "gRPC over HTTP2" and the list of status codes of gRPC.

mod answer;
mod channel;
mod frame;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header, uri::PathAndQuery};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

pub use self::answer::{Answer, MAX_ANSWER, MAX_KEPT};
use self::{channel::Channel, frame::Framed};
use super::peer::{Keeper, Material, SendError, Server, Settings, SettingsError};

/// A connection older than this without a call is not used again: routers and proxies forget it without saying so.
const IDLE: Duration = Duration::from_secs(45);

/// Headers which the protocol keeps for itself begin so.
const RESERVED: &str = "grpc-";

/// One server. Dropping it, and every future of [`Client::call`], closes the socket.
pub struct Client {
    server: Server,
    headers: HeaderMap,
    keeper: Arc<Keeper>,
    /// Held while connecting, so that calls at a time share one connection.
    channel: Mutex<Option<Arc<Channel>>>,
    connect_timeout: Duration,
    request_timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server.name).finish_non_exhaustive()
    }
}

impl Client {
    /// Checks the settings. Touches neither files nor the network.
    ///
    /// # Errors
    /// Settings that can never work; a path in the address, or a header that belongs to the protocol.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let (server, mut headers) = Server::of(&settings)?;
        if server.target != "/" {
            return Err(SettingsError::Path);
        }
        if let Some(name) = headers.keys().find(|name| name.as_str().starts_with(RESERVED)) {
            return Err(SettingsError::Header(name.to_string()));
        }
        // Said by `:authority`, and in gRPC's own words.
        headers.remove(header::HOST);
        headers.remove(header::ACCEPT_ENCODING);
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(HeaderName::from_static("grpc-accept-encoding"), HeaderValue::from_static("identity"));
        let tls = server.tls.then_some(settings.tls);
        Ok(Self {
            server,
            headers,
            keeper: Arc::new(Keeper::new(settings.auth, tls, &[b"h2"])),
            channel: Mutex::new(None),
            connect_timeout: settings.connect_timeout,
            request_timeout: settings.request_timeout,
        })
    }

    /// Host and port, for people.
    pub fn server(&self) -> &str {
        &self.server.name
    }

    /// Calls `path` (`/service/method`) with one message, which is compressed already where `encoding` says so.
    ///
    /// # Errors
    /// No answer in time; see [`SendError::surely_unsent`] for whether the server may have the message.
    pub async fn call(
        &self,
        path: &'static str,
        message: Bytes,
        encoding: Option<&'static str>,
    ) -> Result<Answer, SendError> {
        let deadline = Instant::now() + self.request_timeout;
        let material = self.keeper.get().await;
        let material = material.map_err(|source| SendError::Material { server: self.server.name.clone(), source })?;
        let mut request = self.request(path, message, encoding, &material);
        loop {
            let channel = self.channel(&material, deadline).await?;
            match timeout_at(deadline, channel.call(request)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(channel::Failed::Unsent(back))) => {
                    // It ended between two calls. The next one is new, so this does not go on for ever.
                    self.leave(&channel).await;
                    request = *back;
                }
                Ok(Err(channel::Failed::Broken(error))) => {
                    self.leave(&channel).await;
                    return Err(error);
                }
                Err(_) => {
                    // The call, or the whole connection: nobody knows, so others are not made over it.
                    self.leave(&channel).await;
                    return Err(self.late("have the answer of", self.request_timeout));
                }
            }
        }
    }

    /// The connection in use, or a new one.
    async fn channel(&self, material: &Arc<Material>, deadline: Instant) -> Result<Arc<Channel>, SendError> {
        let late = || self.late("have the answer of", self.request_timeout);
        // One turn of the runtime for the connection to notice that the other side has left: what is written to it then is lost.
        tokio::task::yield_now().await;
        let mut kept = timeout_at(deadline, self.channel.lock()).await.map_err(|_| late())?;
        if let Some(channel) = kept.as_ref().filter(|channel| channel.is_usable(material, IDLE)) {
            return Ok(Arc::clone(channel));
        }
        *kept = None;
        let connected_by = deadline.min(Instant::now() + self.connect_timeout);
        let connecting = timeout_at(connected_by, Channel::open(&self.server, Arc::clone(material), connected_by));
        let channel = connecting.await.map_err(|_| self.late("connect to", self.connect_timeout))??;
        Ok(Arc::clone(kept.insert(Arc::new(channel))))
    }

    /// Makes no more calls over this connection; those under way go on.
    async fn leave(&self, channel: &Arc<Channel>) {
        let mut kept = self.channel.lock().await;
        if kept.as_ref().is_some_and(|known| Arc::ptr_eq(known, channel)) {
            *kept = None;
        }
    }

    fn request(
        &self,
        path: &'static str,
        message: Bytes,
        encoding: Option<&'static str>,
        material: &Material,
    ) -> Request<Framed> {
        let mut request = Request::new(Framed::new(message, encoding.is_some()));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.server.tls { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP });
        parts.authority = Some(self.server.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static(path));
        // All three parts are there and valid each.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        // At most eight digits and a unit: milliseconds are enough for a day.
        let timeout = format!("{}m", self.request_timeout.as_millis().min(99_999_999));
        if let Ok(timeout) = HeaderValue::try_from(timeout) {
            headers.insert(HeaderName::from_static("grpc-timeout"), timeout);
        }
        if let Some(encoding) = encoding {
            headers.insert(HeaderName::from_static("grpc-encoding"), HeaderValue::from_static(encoding));
        }
        if let Some(value) = &material.authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        request
    }

    fn late(&self, what: &'static str, after: Duration) -> SendError {
        SendError::Timeout { what, server: self.server.name.clone(), after }
    }
}
