//! One question to a neighbour which speaks no HTTP: is this Redis, this PostgreSQL there and willing?

use std::io;

use http::{StatusCode, Uri};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::client::Failure;

/// Asks Redis for a PONG, PostgreSQL for its first answer to a start of a session as user `postgres`. What they say in refusal is 503: the
/// caller knows two kinds of answers, as of services that speak HTTP.
pub async fn ask(url: &Uri) -> Result<StatusCode, Failure> {
    let host = url.host().ok_or_else(|| Failure::Url(url.clone()))?;
    let fine = match url.scheme_str() {
        Some("redis") => redis((host, url.port_u16().unwrap_or(6379))).await,
        Some("postgres") => postgres((host, url.port_u16().unwrap_or(5432))).await,
        _ => return Err(Failure::Url(url.clone())),
    };
    let fine = fine.map_err(Failure::Unreachable)?;
    Ok(if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
}

async fn redis(address: (&str, u16)) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await?;
    Ok(&answer == b"+PONG\r\n")
}

async fn postgres(address: (&str, u16)) -> io::Result<bool> {
    // Version 3.0, then names and values, each ended by a zero, and one more at the end; the length counts itself.
    const BODY: &[u8] = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(BODY.len() + 4).unwrap_or_default();
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&[&length.to_be_bytes()[..], BODY].concat()).await?;
    // `R`: it asks who this is, or lets it in. `E`: it starts up, ends, or refuses.
    let kind = stream.read_u8().await?;
    stream.write_all(b"X\0\0\0\x04").await?;
    Ok(kind == b'R')
}
