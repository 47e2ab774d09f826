//! A scraper that keeps its connection, as Prometheus does.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// One connection.
#[derive(Debug)]
pub(crate) struct Scraper {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Scraper {
    /// Connects, to ask for `path` again and again; `gzip` asks for compression.
    pub(crate) fn new(to: SocketAddr, path: &str, gzip: bool) -> Result<Self> {
        let stream = TcpStream::connect(to).with_context(|| format!("connect to {to}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nAccept: text/plain;version=0.0.4\r\n{encoding}\r\n");
        Ok(Self { stream: BufReader::with_capacity(256 * 1024, stream), request })
    }

    /// One scrape; the bytes of its body.
    pub(crate) fn scrape(&mut self) -> Result<Vec<u8>> {
        self.stream.get_mut().write_all(self.request.as_bytes())?;
        let status = self.line()?;
        ensure!(status.starts_with("HTTP/1.1 200"), "the agent says {status}");
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None if line.is_empty() => break,
                Some(("content-length", value)) => length = Some(value.trim().parse()?),
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        match length {
            Some(length) => self.exactly(length),
            None if chunked => self.chunks(),
            None => bail!("an answer without a length"),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the agent closed the connection");
        Ok(line.trim_end().to_owned())
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            let chunk = self.exactly(size)?;
            self.line()?;
            if size == 0 {
                return Ok(whole);
            }
            whole.extend(chunk);
        }
    }
}
