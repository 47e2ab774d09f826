//! The listener and its connections.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{control::Speaks, grpc, state::State, web};

/// Bodies of answers: frames, or an end that nobody expects.
pub type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// What all connections share.
pub struct Shared {
    pub state: Mutex<State>,
    pub changed: std::sync::Condvar,
    pub speaks: Speaks,
    pub tls: Option<TlsAcceptor>,
    /// Open connections, and how to cut them.
    pub open: Mutex<HashMap<u64, AbortHandle>>,
}

impl Shared {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under this lock")
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.open.lock().expect("no panic under this lock")
    }
}

/// One connection, as those know it who answer over it.
pub struct Connection {
    pub shared: Arc<Shared>,
    pub number: u64,
    /// Ends it in good order once what is under way is answered.
    pub goaway: Notify,
    /// Ends it at once.
    pub cut: Notify,
}

/// Takes connections until it is aborted.
pub async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).ok();
        let (number, black_hole) = {
            let mut state = shared.state();
            state.accepted += 1;
            (state.accepted, state.black_hole)
        };
        let served = Arc::clone(&shared);
        // Held until the task is known, so that it cannot end before that.
        let mut open = shared.open();
        let task = tokio::spawn(async move {
            if black_hole {
                swallow(stream).await
            } else {
                serve(stream, number, &served).await
            }
            served.open().remove(&number);
        });
        open.insert(number, task.abort_handle());
    }
}

/// Reads for as long as the other side speaks, and says nothing.
async fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

async fn serve(stream: TcpStream, number: u64, shared: &Arc<Shared>) {
    let connection =
        Arc::new(Connection { shared: Arc::clone(shared), number, goaway: Notify::new(), cut: Notify::new() });
    match &shared.tls {
        None => speak(stream, connection).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                speak(stream, connection).await;
            }
        }
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, connection: Arc<Connection>) {
    let stream = TokioIo::new(stream);
    let asked = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let connection = Arc::clone(&asked);
        async move {
            Ok::<Answer, Infallible>(match connection.shared.speaks {
                Speaks::Grpc => grpc::answer(request, &connection).await,
                Speaks::Http => web::answer(request, &connection).await,
            })
        }
    });
    match connection.shared.speaks {
        Speaks::Grpc => {
            let spoken = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service);
            until(spoken, &connection, http2::Connection::graceful_shutdown).await;
        }
        Speaks::Http => {
            let spoken = http1::Builder::new().serve_connection(stream, service);
            until(spoken, &connection, http1::Connection::graceful_shutdown).await;
        }
    }
}

/// Serves until the connection ends by itself, or is ended.
async fn until<C: Future>(spoken: C, connection: &Connection, end: impl Fn(std::pin::Pin<&mut C>)) {
    let mut spoken = pin!(spoken);
    loop {
        tokio::select! {
            _ = spoken.as_mut() => return,
            () = connection.goaway.notified() => end(spoken.as_mut()),
            () = connection.cut.notified() => return,
        }
    }
}
