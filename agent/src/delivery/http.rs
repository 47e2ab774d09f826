//! Posting to one HTTP server: bytes out, an answer or a sorted failure back.
//!
//! Idle connections are kept, a few. Nothing is sent twice in here: a request whose answer
//! did not come may have been taken, and whether to repeat it is for those to say who know what it was. Redirects are answers,
//! proxies are not used, and everything, from the name to the last byte of the answer, is over at the deadline.

mod answer;
mod connection;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

pub use self::answer::{Answer, MAX_BODY, MAX_RETRY_AFTER};
use self::{
    answer::{Body, retry_after},
    connection::Connection,
};
pub use super::peer::{Auth, Credential, MaterialError, SendError, Settings, SettingsError, Tls};
use super::peer::{Keeper, Material, Server};

/// An idle connection older than this is not used again: routers and proxies forget it without saying so.
const IDLE: Duration = Duration::from_secs(45);

/// Idle connections at most: as many as there are exchanges at a time where there are many.
const MAX_IDLE: usize = 4;

/// One server. Dropping it, or a future of [`Client::post`], closes the sockets.
pub struct Client {
    server: Server,
    headers: HeaderMap,
    keeper: Arc<Keeper>,
    idle: Mutex<Vec<Connection>>,
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
    /// Settings that can never work.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let (server, headers) = Server::of(&settings)?;
        let tls = server.tls.then_some(settings.tls);
        Ok(Self {
            server,
            headers,
            keeper: Arc::new(Keeper::new(settings.auth, tls, &[])),
            idle: Mutex::default(),
            connect_timeout: settings.connect_timeout,
            request_timeout: settings.request_timeout,
        })
    }

    /// Host and port, for people.
    pub fn server(&self) -> &str {
        &self.server.name
    }

    /// Posts `body`, and gives the answer, whatever its status.
    ///
    /// A status of success is an answer even when its body is late or broken off; any other status needs its body whole, because
    /// what to do depends on its words.
    ///
    /// # Errors
    /// No answer in time; see [`SendError::surely_unsent`] for whether the server may have the body.
    pub async fn post(
        &self,
        body: Bytes,
        content_type: &'static str,
        content_encoding: Option<&'static str>,
    ) -> Result<Answer, SendError> {
        let deadline = Instant::now() + self.request_timeout;
        let late = || self.late("have the answer of", self.request_timeout);
        let request = |material: &Material| self.request(body, content_type, content_encoding, material);
        let (response, connection) = timeout_at(deadline, self.ask(request)).await.map_err(|_| late())??;
        self.read(response, connection, deadline).await
    }

    async fn ask(
        &self,
        request: impl FnOnce(&Material) -> Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), SendError> {
        let material = self.keeper.get().await;
        let material = material.map_err(|source| SendError::Material { server: self.server.name.clone(), source })?;
        let mut request = request(&material);
        if let Some(mut connection) = self.take_idle(&material).await {
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                // The server had closed it, and none of the request was written.
                Err(mut unsent) => match unsent.take_message() {
                    Some(back) => request = back,
                    None => return Err(SendError::broken(&self.server.name, unsent.into_error())),
                },
            }
        }
        let deadline = Instant::now() + self.connect_timeout;
        let connecting = timeout_at(deadline, Connection::open(&self.server, material, deadline)).await;
        let mut connection = connecting.map_err(|_| self.late("connect to", self.connect_timeout))??;
        let response = connection.sender.send_request(request).await;
        Ok((response.map_err(|error| SendError::broken(&self.server.name, error))?, connection))
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        mut connection: Connection,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let (head, body) = response.into_parts();
        let mut read = Body::default();
        let outcome = timeout_at(deadline, read.read(body)).await;
        if read.whole {
            connection.since = Instant::now();
            let mut idle = self.lock();
            if idle.len() < MAX_IDLE {
                idle.push(connection);
            }
        }
        match outcome {
            Ok(Err(error)) if !head.status.is_success() => return Err(SendError::broken(&self.server.name, error)),
            Err(_) if !head.status.is_success() => return Err(self.late("have the answer of", self.request_timeout)),
            _ => {}
        }
        Ok(Answer {
            status: head.status.as_u16(),
            retry_after: retry_after(&head.headers, Timestamp::now()),
            body: read.bytes,
        })
    }

    /// An idle connection that can still be used: the one used last.
    async fn take_idle(&self, material: &Arc<Material>) -> Option<Connection> {
        // One turn of the runtime for connections to notice that the other side has left: what is written to them then is lost.
        tokio::task::yield_now().await;
        loop {
            let mut connection = {
                let mut idle = self.lock();
                let fresh = |known: &mut Connection| {
                    known.since.elapsed() < IDLE && Arc::ptr_eq(&known.material, material) && !known.sender.is_closed()
                };
                idle.retain_mut(fresh);
                idle.pop()?
            };
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    fn request(
        &self,
        body: Bytes,
        content_type: &'static str,
        content_encoding: Option<&'static str>,
        material: &Material,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.server.target.clone().into();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(encoding) = content_encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Some(value) = &material.authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        request
    }

    fn late(&self, what: &'static str, after: Duration) -> SendError {
        SendError::Timeout { what, server: self.server.name.clone(), after }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
