//! How a socket to a target is made: the seam where sockets from elsewhere come in.

use std::{fmt, future::Future, io, pin::Pin};

use tokio::net::TcpStream;

use super::Way;
use crate::helper;

/// A socket, some time.
pub type Dialling<'a> = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + 'a>>;

/// Makes connected sockets, in the agent's own network or, through a helper, in that of a container. Callers set the deadline.
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
                Way::Namespace { .. } => Err(io::Error::new(io::ErrorKind::Unsupported, "there is no helper")),
                Way::Itself => Err(io::Error::new(io::ErrorKind::Unsupported, "the agent does not fetch itself")),
            }
        })
    }
}

/// Sockets of a container's namespace where the way wants one, made by a helper; of the agent's own otherwise.
#[derive(Clone, Debug)]
pub struct ThroughHelper(pub helper::Client);

impl Dial for ThroughHelper {
    fn dial<'a>(&'a self, way: &'a Way) -> Dialling<'a> {
        let Way::Namespace { at, process, .. } = way else { return OwnNetwork.dial(way) };
        Box::pin(async move {
            let stream = self.0.connect(*process, *at).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}
