//! An agent which answers one request over a real socket with given bytes, or holds its tongue.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

/// Serves one connection.
pub(crate) struct FakeAgent {
    address: SocketAddr,
    thread: JoinHandle<String>,
}

impl FakeAgent {
    /// Answers with exactly these bytes.
    pub(crate) fn raw(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::serve("127.0.0.1:0", move |stream| {
            // The client may hang up before it has read everything: that is then what the test is about.
            stream.write_all(&answer).unwrap_or_default();
        })
    }

    /// Answers with a status and a body.
    pub(crate) fn answering(status: &str, body: &str) -> Self {
        Self::raw(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    /// Reads the request and never answers; ends when the client hangs up.
    pub(crate) fn silent() -> Self {
        Self::serve("127.0.0.1:0", |stream| {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap_or_default();
        })
    }

    /// Listens on IPv6 loopback; `None` where there is none.
    pub(crate) fn on_v6(status: &str) -> Option<Self> {
        TcpListener::bind("[::1]:0").ok()?;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        Some(Self::serve("[::1]:0", move |stream| stream.write_all(answer.as_bytes()).unwrap()))
    }

    fn serve(address: &str, answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = head(&mut stream);
            answer(&mut stream);
            request
        });
        Self { address, thread }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The head of the request it was sent.
    pub(crate) fn request(self) -> String {
        self.thread.join().unwrap()
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
