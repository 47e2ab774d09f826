//! The socket side: connections, versions in paths, answers, event streams.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    events::{Asked, REPLAYED},
    faults::{Body, Fault, Route, faulty, whole},
    logs,
    world::World,
};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path without its version.
    pub path: String,
    /// `1.41` of `/v1.41/...`.
    pub version: Option<String>,
    /// Decoded query.
    pub query: BTreeMap<String, String>,
    pub route: Route,
}

/// What goes to open event streams.
#[derive(Clone, Debug)]
enum Message {
    Event(Value),
    End(Result<(), ()>),
}

/// State of the fake behind all connections.
pub struct Shared {
    world: Mutex<World>,
    requests: Mutex<Vec<Request>>,
    past: Mutex<VecDeque<Value>>,
    live: broadcast::Sender<Message>,
    log_news: watch::Sender<()>,
    open: TaskTracker,
    stopped: Mutex<CancellationToken>,
}

/// A test that panicked while it held a lock has failed already: its data is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            requests: Mutex::default(),
            past: Mutex::default(),
            live: broadcast::channel(4096).0,
            log_news: watch::channel(()).0,
            open: TaskTracker::new(),
            stopped: Mutex::default(),
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    pub fn forget_requests(&self) {
        // Writes stay on record: they fail the test in the end.
        lock(&self.requests).retain(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
    }

    pub fn connections(&self) -> usize {
        self.open.len()
    }

    pub fn listeners(&self) -> usize {
        self.live.receiver_count()
    }

    /// Woken when a container wrote something or is no longer what it was.
    pub fn log_news(&self) -> watch::Receiver<()> {
        self.log_news.subscribe()
    }

    pub fn tell_log_news(&self) {
        self.log_news.send_replace(());
    }

    pub fn begin(&self) {
        *lock(&self.stopped) = CancellationToken::new();
        lock(&self.past).clear();
    }

    pub fn stop(&self) {
        lock(&self.stopped).cancel();
    }

    /// Stamps an event with a time of its own and sends it. The lock is held until it is sent: streams see times in order.
    pub fn send(&self, mut event: Value) {
        let mut past = lock(&self.past);
        let last = past.back().and_then(|event| event["timeNano"].as_i64()).unwrap_or_default();
        if event.get("timeNano").is_none() {
            let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX).max(last + 1);
            event["time"] = json!(now / 1_000_000_000);
            event["timeNano"] = json!(now);
        }
        past.push_back(event.clone());
        let surplus = past.len().saturating_sub(REPLAYED);
        past.drain(..surplus);
        // Nobody listening is the usual case, not a failure.
        drop(self.live.send(Message::Event(event)));
    }

    pub fn end_events(&self, how: Result<(), ()>) {
        drop(self.live.send(Message::End(how)));
    }
}

/// Serves until stopped, on the calling thread.
pub fn serve(listener: std::os::unix::net::UnixListener, shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let stopped = lock(&shared.stopped).clone();
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket that does not block");
        let listener = tokio::net::UnixListener::from_std(listener).expect("the runtime takes the socket");
        while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
            let on_request = Arc::clone(shared);
            let service = service_fn(move |request| answer(Arc::clone(&on_request), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let stopped = stopped.clone();
            // How a connection ends is the client's business; what it was sent is in the tests.
            tokio::spawn(shared.open.track_future(async move { drop(stopped.run_until_cancelled(connection).await) }));
        }
    });
    // Dropping the runtime drops every connection, hung ones included.
}

/// The endpoint and its argument.
fn route(path: &str) -> (Route, &str) {
    let between = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix("/json"));
    let logs = path.strip_prefix("/containers/").and_then(|rest| rest.strip_suffix("/logs"));
    if let Some(id) = logs.filter(|id| !id.is_empty()) {
        return (Route::Logs, id);
    }
    match path {
        "/_ping" => (Route::Ping, ""),
        "/version" => (Route::Version, ""),
        "/info" => (Route::Info, ""),
        "/events" => (Route::Events, ""),
        "/containers/json" => (Route::List, ""),
        "/networks" => (Route::Networks, ""),
        _ => match (between("/containers/"), between("/images/")) {
            (Some(id), _) if !id.is_empty() => (Route::Inspect, id),
            (_, Some(id)) if !id.is_empty() => (Route::Image, id),
            _ => (Route::Unknown, ""),
        },
    }
}

type Answer = Result<Response<Body>, std::io::Error>;

async fn answer(shared: Arc<Shared>, request: http::Request<Incoming>) -> Answer {
    let (version, path) = split_version(request.uri().path());
    let (at, key) = route(path);
    let query = decode_query(request.uri().query().unwrap_or_default());
    let record = Request {
        method: request.method().to_string(),
        path: path.to_owned(),
        version: version.map(str::to_owned),
        query: query.clone(),
        route: at,
    };
    lock(&shared.requests).push(record);
    if !matches!(*request.method(), http::Method::GET | http::Method::HEAD) {
        return reply(&shared, 500, message("the fake engine does not write"));
    }
    if let Some(refusal) = version.and_then(|version| refuse_version(&shared.world().version, version)) {
        return reply(&shared, 400, refusal);
    }
    let fault = shared.world().take_fault(at);
    let (status, body) = if at == Route::Events && fault.as_ref().and_then(Fault::status).is_none() {
        match Asked::parse(&query) {
            Err(problem) => (500, message(&problem)),
            Ok(asked) if fault.is_none() => return reply(&shared, 200, event_stream(&shared, asked)),
            Ok(asked) => (200, whole(past_events(&lock(&shared.past), &asked, "\n").concat())),
        }
    } else if at == Route::Logs && fault.as_ref().and_then(Fault::status).is_none() {
        match logs_of(&shared, key, &query) {
            Err((status, sentence)) => (status, message(&sentence)),
            Ok((id, asked)) if fault.is_none() => return reply(&shared, 200, logs::body(&shared, &id, asked)),
            Ok((id, asked)) => (200, whole(asked.history(shared.world().logs.get(&id)))),
        }
    } else {
        let (status, text) = content(&shared.world(), at, key, &query);
        (status, whole(text))
    };
    match fault {
        None => reply(&shared, status, body),
        Some(Fault::HangBeforeHeaders) => std::future::pending().await,
        Some(fault) => {
            let content = body.collect().await.map(|all| all.to_bytes()).unwrap_or_default();
            let body = faulty(&fault, content).ok_or_else(|| std::io::Error::other("scripted reset"))?;
            let status = fault.status().unwrap_or(status);
            reply(&shared, status, body)
        }
    }
}

type Asking = Result<(String, logs::Asked), (u16, String)>;

fn logs_of(shared: &Shared, key: &str, query: &BTreeMap<String, String>) -> Asking {
    let world = shared.world();
    let container = world.by_key(key).ok_or_else(|| (404, format!("No such container: {key}")))?;
    Ok((container.id_str().to_owned(), logs::Asked::parse(container, query)?))
}

fn split_version(path: &str) -> (Option<&str>, &str) {
    let versioned = path.strip_prefix("/v").and_then(|rest| rest.split_once('/'));
    match versioned {
        Some((version, rest)) if version.chars().all(|c| c.is_ascii_digit() || c == '.') && !version.is_empty() => {
            (Some(version), &path[path.len() - rest.len() - 1..])
        }
        _ => (None, path),
    }
}

/// What the engine says to a version it does not speak.
fn refuse_version(version: &Value, asked: &str) -> Option<Body> {
    let number = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        (major.parse::<u32>().unwrap_or_default(), minor.parse::<u32>().unwrap_or_default())
    };
    let newest = version["ApiVersion"].as_str().unwrap_or_default();
    let oldest = version["MinAPIVersion"].as_str().unwrap_or_default();
    if number(asked) > number(newest) {
        return Some(message(&format!("client version {asked} is too new. Maximum supported API version is {newest}")));
    }
    (number(asked) < number(oldest)).then(|| {
        message(&format!(
            "client version {asked} is too old. Minimum supported API version is {oldest}, please upgrade your client to a newer version"
        ))
    })
}

fn content(world: &World, at: Route, key: &str, query: &BTreeMap<String, String>) -> (u16, String) {
    let line = |value: &Value| value.to_string() + "\n";
    let or_missing = |found: Option<Value>, sentence: String| match found {
        Some(value) => (200, line(&value)),
        None => (404, line(&json!({ "message": sentence }))),
    };
    match at {
        Route::Ping => (200, "OK".into()),
        Route::Version => (200, line(&world.version)),
        Route::Info => (200, line(&world.info)),
        Route::List => {
            let all = query.get("all").is_some_and(|word| matches!(word.as_str(), "1" | "true"));
            (200, line(&Value::Array(world.rows(all))))
        }
        Route::Networks => (200, line(&Value::Array(world.networks.clone()))),
        Route::Inspect => or_missing(world.by_key(key).map(|c| c.inspect.clone()), format!("No such container: {key}")),
        Route::Image => or_missing(world.image(key), format!("no such image: {key}: No such image: {key}")),
        Route::Events | Route::Logs | Route::Unknown => (404, line(&json!({ "message": "page not found" }))),
    }
}

fn message(sentence: &str) -> Body {
    whole(json!({ "message": sentence }).to_string() + "\n")
}

fn reply(shared: &Shared, status: u16, body: Body) -> Answer {
    let api = shared.world().version["ApiVersion"].as_str().unwrap_or_default().to_owned();
    let response = Response::builder()
        .status(StatusCode::from_u16(status).expect("a status code"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("Api-Version", api)
        .header("Docker-Experimental", "false")
        .header("Ostype", "linux")
        .body(body);
    Ok(response.expect("a well-formed answer"))
}

/// Past events which were asked for, as text with separators. Without `since` nothing of the past is told.
fn past_events(past: &VecDeque<Value>, asked: &Asked, separator: &str) -> Vec<String> {
    let wanted = past.iter().filter(|event| asked.since.is_some() && asked.wants(event));
    wanted.map(|event| event.to_string() + separator).collect()
}

fn event_stream(shared: &Arc<Shared>, asked: Asked) -> Body {
    // Subscribed before the past is read, under its lock: no event falls between, none comes twice.
    let separator = shared.world().separator;
    let (live, past) = {
        let past = lock(&shared.past);
        (shared.live.subscribe(), past_events(&past, &asked, separator))
    };
    let wait = asked.until.map(|until| {
        let left = until - Timestamp::now().as_nanosecond();
        Duration::from_nanos(u64::try_from(left.max(0)).unwrap_or(u64::MAX))
    });
    let state = (live, Arc::clone(shared), asked);
    let following = stream::unfold(state, |(mut live, shared, asked)| async move {
        loop {
            return match live.recv().await {
                Ok(Message::Event(event)) if !asked.wants(&event) => continue,
                Ok(Message::Event(event)) => {
                    let text = event.to_string() + shared.world().separator;
                    Some((Ok(Frame::data(Bytes::from(text))), (live, shared, asked)))
                }
                Ok(Message::End(Err(()))) => {
                    Some((Err(std::io::Error::other("scripted break")), (live, shared, asked)))
                }
                Ok(Message::End(Ok(()))) | Err(_) => None,
            };
        }
    });
    let past = stream::iter(past.into_iter().map(|text| Ok(Frame::data(Bytes::from(text)))));
    let whole: EventStream = match wait {
        None => Box::pin(past.chain(following)),
        Some(wait) => Box::pin(past.chain(following.take_until(tokio::time::sleep(wait)))),
    };
    BodyExt::boxed(StreamBody::new(whole))
}

type EventStream =
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send + Sync>>;

/// `a=1&b=%7B%7D`, with `+` for a space.
fn decode_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}
