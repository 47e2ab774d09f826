//! Where a real Alertmanager sends what it tells: a receiver of its webhooks, which keeps everything it was told and when.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest body that is read. A message about a hundred alerts has a tenth of this.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// A connection which says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(5);

/// One alert of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Last part of the address it was sent to: the name of the receiver.
    pub receiver: String,
    /// Whether it fires; otherwise it is over.
    pub firing: bool,
    /// Labels of the alert.
    pub labels: BTreeMap<String, String>,
    /// Its annotations, templates filled in.
    pub annotations: BTreeMap<String, String>,
    /// When the message arrived.
    pub at: Instant,
}

impl Told {
    /// A label; empty when there is none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A receiver, for as long as the test's process lives.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where it listens.
    pub address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Webhook {
    /// On loopback, on a port of the kernel's choice.
    pub fn start() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into())
    }

    /// On an address of this machine which containers reach.
    pub fn at(address: IpAddr) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let webhook = Self { address: listener.local_addr().expect("its address"), told: Arc::default() };
        let told = Arc::clone(&webhook.told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || converse(&stream, &told));
            }
        });
        webhook
    }

    /// Its address for one receiver.
    pub fn url(&self, receiver: &str) -> String {
        format!("http://{}/{receiver}", self.address)
    }

    /// Everything it was told so far, in the order of arrival.
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().expect("no thread of it panics").clone()
    }
}

/// Takes one message. One which is not as Alertmanager writes it is answered with 400, which Alertmanager counts and logs.
fn converse(stream: &TcpStream, told: &Mutex<Vec<Told>>) {
    stream.set_read_timeout(Some(SILENCE)).ok();
    let read = read(stream);
    let status = if read.is_some() { "200 OK" } else { "400 Bad Request" };
    if let Some(read) = read {
        told.lock().expect("no thread of it panics").extend(read);
    }
    let mut stream = stream;
    // Who has asked may be gone by now.
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
}

fn read(stream: &TcpStream) -> Option<Vec<Told>> {
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    let path = line.strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        input.read_line(&mut line).ok()?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; (length <= MAX_BODY).then_some(length)?];
    input.read_exact(&mut body).ok()?;
    let message: Value = serde_json::from_slice(&body).ok()?;
    let receiver = path.rsplit('/').next().unwrap_or_default();
    message["alerts"].as_array()?.iter().map(|alert| one(receiver, alert)).collect()
}

fn one(receiver: &str, alert: &Value) -> Option<Told> {
    let words = |name: &str| serde_json::from_value::<BTreeMap<String, String>>(alert[name].clone()).ok();
    Some(Told {
        receiver: receiver.to_owned(),
        firing: alert["status"].as_str()? == "firing",
        labels: words("labels")?,
        annotations: words("annotations").unwrap_or_default(),
        at: Instant::now(),
    })
}
