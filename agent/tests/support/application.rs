//! Applications with a metrics endpoint on loopback, well-behaved ones and others.
//!
//! Each answers from a thread of its own connection; what it was asked is kept.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::fake_engine::FakeContainer;

/// Type of the classic text format.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A running application; ends when dropped, connections soon after.
#[derive(Debug)]
pub struct Application {
    /// Where it listens.
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

impl Application {
    /// Starts one; `answer` gets the head of a request and the connection.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let this = Self { port, asked: Arc::default(), ended: Arc::default() };
        let (asked, ended, answer) = (Arc::clone(&this.asked), Arc::clone(&this.ended), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                // The other side going away is what many tests are about.
                thread::spawn(move || serve(stream, &asked, &*answer).ok());
            }
        });
        this
    }

    /// One that answers this page.
    pub fn good(page: impl Into<String>) -> Self {
        let page = page.into();
        Self::start(move |_, stream| respond(stream, TEXT, page.as_bytes()))
    }

    /// One that answers status 200 with this type and body.
    pub fn saying(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::start(move |_, stream| respond(stream, content_type, &body))
    }

    /// One that takes the request and says nothing until the other side leaves.
    pub fn silent() -> Self {
        Self::start(|_, stream| std::io::copy(stream, &mut std::io::sink()).map(drop))
    }

    /// One whose page has no end; `line` is repeated with a number in the place of `{}`.
    pub fn endless(line: &'static str) -> Self {
        Self::start(move |_, stream| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {TEXT}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            for block in 0_u64.. {
                let lines: String = (0..500).map(|n| line.replace("{}", &(block * 500 + n).to_string())).collect();
                stream.write_all(lines.as_bytes())?;
            }
            Ok(())
        })
    }

    /// A port where nobody listens.
    pub fn dead() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.local_addr().expect("its address").port()
    }

    /// The heads of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic under this lock").clone()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).ok();
    }
}

/// 200 with its length.
pub fn respond(stream: &mut TcpStream, content_type: &str, body: &[u8]) -> std::io::Result<()> {
    respond_with(stream, "200 OK", &format!("Content-Type: {content_type}\r\n"), body)
}

/// Any status and headers (lines with their ends), with the body's length.
pub fn respond_with(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync),
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    asked.lock().expect("no panic under this lock").push(head.clone());
    answer(&head, &mut stream)
}

/// A container on the host's network, which declares this port: what an agent on the host reaches over loopback.
pub fn on_host(service: &str, port: u16) -> FakeContainer {
    FakeContainer::new(&format!("shop-{service}-1"))
        .compose("shop", service, 1)
        .network_mode("host")
        .running(1)
        .label("spyhop.metrics.port", &port.to_string())
}
