//! The listening side: accepts, bounds the number of connections, drains at shutdown. What to answer is up to `routes`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::routes::{self, Service};

/// Connections open at a time. A hanging health endpoint holds one for each caller without patience.
const MAX_CONNECTIONS: usize = 256;

/// A caller has this long for its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// After a failed accept (out of descriptors, most likely) some connection should have ended before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until shutdown, then gives running requests `drain` to finish.
pub async fn serve(listener: TcpListener, service: Arc<Service>, shutdown: CancellationToken, drain: Duration) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        match Arc::clone(&slots).try_acquire_owned() {
            Ok(slot) => {
                connections.spawn(converse(stream, Arc::clone(&service), shutdown.clone(), slot));
            }
            Err(_) => {
                service.metrics.connections_refused.inc();
            }
        }
    }
    drop(listener);
    connections.close();
    // Whoever is not done by then is cut off with the runtime.
    let _late: Result<(), _> = tokio::time::timeout(drain, connections.wait()).await;
}

async fn converse(stream: TcpStream, service: Arc<Service>, shutdown: CancellationToken, _slot: OwnedSemaphorePermit) {
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(routes::answer(&service, request).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), answer)
    );
    // A connection ends badly when its caller goes away: nothing to do about it, and nobody to tell.
    let _ended: Result<(), hyper::Error> = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}
