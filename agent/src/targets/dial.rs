//! How a socket to a target is made: the seam where sockets from elsewhere come in.

use std::{fmt, future::Future, io, pin::Pin};

use tokio::net::TcpStream;

use super::standpoint::Way;

/// A socket, some time.
pub type Dialling<'a> = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + 'a>>;

/// Makes connected sockets. The agent's own network is one maker; a helper which opens sockets inside a container's network
/// namespace and hands them over will be another. Callers set the deadline.
pub trait Dial: Send + Sync + fmt::Debug {
    /// Connects to the target at the end of the way.
    fn dial<'a>(&'a self, way: &'a Way) -> Dialling<'a>;
}

/// Sockets of the agent's own network namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnNetwork;

impl Dial for OwnNetwork {
    fn dial<'a>(&'a self, way: &'a Way) -> Dialling<'a> {
        Box::pin(async move {
            match way {
                Way::Address { at, .. } => {
                    let stream = TcpStream::connect(at).await?;
                    stream.set_nodelay(true)?;
                    Ok(stream)
                }
                Way::Itself => Err(io::Error::new(io::ErrorKind::Unsupported, "the agent does not fetch itself")),
            }
        })
    }
}
