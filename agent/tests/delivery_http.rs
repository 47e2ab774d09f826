//! The client of deliveries against servers good, slow, lying and dead, over real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use spyhop::{
    delivery::http::{Answer, Auth, Client, Credential, MAX_BODY, SendError, Settings, SettingsError, Tls},
    secret::Secret,
};

#[path = "support/loki/mod.rs"]
mod loki;
#[path = "support/tls_proxy.rs"]
#[expect(dead_code, unreachable_pub, clippy::expect_used, reason = "shared with other tests")]
mod tls_proxy;
#[path = "support/wait.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with other tests")]
mod wait;

use loki::{Fault, Limits, Receiver};
use tls_proxy::Authority;
use wait::{eventually, holds};

/// What servers have in the tests about time.
const SHORT: Duration = Duration::from_millis(400);

fn settings(url: impl Into<String>) -> Settings {
    Settings {
        url: url.into(),
        auth: Auth::None,
        headers: Vec::new(),
        tls: Tls::default(),
        connect_timeout: wait::patience(),
        request_timeout: wait::patience(),
    }
}

fn client(url: impl Into<String>) -> Client {
    Client::new(settings(url)).unwrap()
}

fn hurried(url: impl Into<String>) -> Client {
    Client::new(Settings { connect_timeout: SHORT, request_timeout: SHORT, ..settings(url) }).unwrap()
}

async fn post(client: &Client) -> Result<Answer, SendError> {
    client.post(Bytes::from_static(b"body"), "text/plain", None).await
}

fn push_url(receiver: &Receiver) -> String {
    format!("{}/loki/api/v1/push", receiver.url())
}

/// A server which does as it is told with each connection, once a whole request of `post` has come over it.
struct Hostile {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

impl Hostile {
    fn start(act: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let this = Self { address: listener.local_addr().unwrap(), open: Arc::default(), accepted: Arc::default() };
        let (open, accepted, act) = (Arc::clone(&this.open), Arc::clone(&this.accepted), Arc::new(act));
        // Ends with the test's process.
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (open, act) = (Arc::clone(&open), Arc::clone(&act));
                open.fetch_add(1, Ordering::SeqCst);
                accepted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // The client going away is what the tests are about.
                    if request(&mut stream).is_ok() && act(&mut stream).is_ok() {
                        stream.shutdown(Shutdown::Write).ok();
                        rest(&mut stream);
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        this
    }

    /// Says this, and closes its side.
    fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |stream| stream.write_all(&answer))
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    async fn all_closed(&self) {
        // A connection that was dropped ends with the next turn of the runtime.
        tokio::task::yield_now().await;
        let open = || self.open.load(Ordering::SeqCst);
        eventually("every socket is closed", || holds(open() == 0, || format!("{} are open", open())));
    }
}

fn request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\nbody") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        bytes.extend(byte);
    }
    Ok(())
}

fn rest(stream: &mut TcpStream) {
    std::io::copy(stream, &mut std::io::sink()).ok();
}

#[tokio::test]
async fn one_connection_serves_many_posts() {
    let receiver = Receiver::usual();
    let client = client(push_url(&receiver));
    for _ in 0..5 {
        assert_eq!(post(&client).await.unwrap().status, 400);
    }
    assert_eq!(receiver.connections(), (1, 1));
    drop(client);
    // The driver of the connection ends with the next turn of the runtime.
    tokio::task::yield_now().await;
    eventually("the idle one is closed", || {
        holds(receiver.connections().1 == 0, || format!("{:?}", receiver.connections()))
    });
}

#[tokio::test]
async fn a_connection_which_the_server_has_closed_loses_no_post() {
    let receiver = Receiver::usual();
    let client = client(push_url(&receiver));
    for turn in 1..30 {
        assert_eq!(post(&client).await.unwrap().status, 400, "turn {turn}");
        receiver.cut();
        eventually("cut", || holds(receiver.connections().1 == 0, String::new));
    }
    assert_eq!(receiver.asked().len(), 29, "nothing was sent twice");
}

#[tokio::test]
async fn posts_at_the_same_time_leave_four_idle_connections_at_most() {
    let receiver = Receiver::usual();
    let client = Arc::new(client(push_url(&receiver)));
    let posts = (0..12).map(|_| {
        let client = Arc::clone(&client);
        tokio::spawn(async move { post(&client).await.unwrap().status })
    });
    for post in posts.collect::<Vec<_>>() {
        assert_eq!(post.await.unwrap(), 400);
    }
    tokio::task::yield_now().await;
    eventually("four are left", || holds(receiver.connections().1 <= 4, || format!("{:?}", receiver.connections())));
}

#[tokio::test]
async fn whatever_is_slow_is_over_in_time() {
    fn drip(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
        for byte in text.as_bytes().iter().cycle() {
            stream.write_all(&[*byte])?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
    let silent = Hostile::start(|stream| {
        rest(stream);
        Ok(())
    });
    let slow_head = Hostile::start(|stream| drip(stream, "HTTP/1.1 204 No Content\r\nA: b\r\n"));
    let interim = Hostile::start(|stream| drip(stream, "HTTP/1.1 100 Continue\r\n\r\n"));
    let slow_words = Hostile::start(|stream| {
        stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n")?;
        drip(stream, "x")
    });
    for (what, server) in [("silent", silent), ("head", slow_head), ("interim", interim), ("words", slow_words)] {
        let begun = Instant::now();
        let error = post(&hurried(server.url())).await.unwrap_err();
        assert_eq!(error.kind(), "timeout", "{what}: {error}");
        assert!(begun.elapsed() < wait::patience(), "{what}: {:?}", begun.elapsed());
        server.all_closed().await;
    }
    // Success needs no words.
    let slow_success = Hostile::start(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
        drip(stream, "x")
    });
    assert_eq!(post(&hurried(slow_success.url())).await.unwrap().status, 200);
    slow_success.all_closed().await;
}

#[tokio::test]
async fn connecting_is_over_in_time() {
    // A queue of one which is full: further greetings are dropped, as by a firewall.
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &any).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = TcpListener::from(listener.try_clone().unwrap()).local_addr().unwrap();
    let filled: Vec<TcpStream> =
        (0..8).map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()).collect();
    assert!(filled.len() < 8, "the queue never fills");
    let hasty = Client::new(Settings { connect_timeout: SHORT, ..settings(format!("http://{address}/")) }).unwrap();
    let error = post(&hasty).await.unwrap_err();
    assert!(matches!(error.kind(), "timeout" | "connect"), "{error}");

    // Accepts, and never greets.
    let mute = Receiver::usual();
    mute.black_hole(true);
    let url = format!("https://{}/", mute.address());
    let error = post(&Client::new(Settings { connect_timeout: SHORT, ..settings(url) }).unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("connect to {}: not within {SHORT:?}", mute.address()));
    eventually("the socket is closed", || holds(mute.connections().1 == 0, || "it is open".to_owned()));
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let error = post(&client(format!("http://{nobody}/?key=hunter2"))).await.unwrap_err();
    assert_eq!((error.kind(), error.surely_unsent()), ("connect", true));
    assert_eq!(error.to_string(), format!("connect to {nobody}"));
    // A label longer than any name may have: no resolver is asked.
    let name = format!("{}.invalid", "n".repeat(64));
    let error = post(&client(format!("http://{name}:3100/?key=hunter2"))).await.unwrap_err();
    assert_eq!((error.kind(), error.surely_unsent()), ("resolve", true));
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn what_is_not_http_is_not_taken_for_it() {
    let head = format!("HTTP/1.1 204 No Content\r\nLong: {}\r\n\r\n", "x".repeat(100_000));
    let many = format!("HTTP/1.1 204 No Content\r\n{}\r\n", "A: b\r\n".repeat(1000));
    for (answer, kind) in [
        ("SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n".to_owned(), "protocol"),
        ("\0\0\0\0\r\n\r\n".to_owned(), "protocol"),
        ("HTTP/9.9 204 No Content\r\n\r\n".to_owned(), "protocol"),
        (head, "protocol"),
        (many, "protocol"),
        (String::new(), "closed"),
        ("HTTP/1.1 204 No Cont".to_owned(), "closed"),
        ("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nhalf".to_owned(), "closed"),
        ("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nhalf".to_owned(), "closed"),
    ] {
        let server = Hostile::saying(answer.clone());
        let error = post(&client(server.url())).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{:.60}: {error:?}", answer);
        assert!(!error.surely_unsent());
        server.all_closed().await;
    }
}

#[tokio::test]
async fn answers_are_bounded_text() {
    let long = format!("HTTP/1.1 400 No\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1_000_000));
    let server = Hostile::saying(long);
    let client = client(server.url());
    assert_eq!(post(&client).await.unwrap().text(), "x".repeat(MAX_BODY));
    // What was not read of it is not read as the next answer.
    assert_eq!(post(&client).await.unwrap().body.len(), MAX_BODY);
    assert_eq!(server.accepted.load(Ordering::SeqCst), 2);
    server.all_closed().await;

    let odd = Hostile::saying(&b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\na\xffb\nc"[..]);
    let answer = post(&self::client(odd.url())).await.unwrap();
    let expected = Answer { status: 429, retry_after: Some(Duration::from_secs(7)), body: b"a\xffb\nc".into() };
    assert_eq!(answer, expected);
    assert_eq!(answer.text(), "a\u{fffd}b\nc");
}

#[tokio::test]
async fn redirects_are_answers() {
    let elsewhere = Receiver::usual();
    let server =
        Hostile::saying(format!("HTTP/1.1 307 There\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n", elsewhere.url()));
    assert_eq!(post(&client(server.url())).await.unwrap().status, 307);
    assert_eq!(elsewhere.connections().0, 0);
}

#[tokio::test]
async fn an_answer_may_come_before_the_body_is_sent() {
    let receiver = Receiver::start(Limits { body: 1000, ..Limits::default() });
    let large = Bytes::from(vec![0; 32 << 20]);
    let answer = client(push_url(&receiver)).post(large, "text/plain", None).await.unwrap();
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("(33554432 vs 1000)"), "{}", answer.text());
}

#[tokio::test]
async fn a_post_given_up_closes_its_socket() {
    let receiver = Receiver::usual();
    receiver.always(Some(Fault::Silence));
    let client = client(push_url(&receiver));
    for turn in 1..=20 {
        let given_up = tokio::time::timeout(Duration::from_millis(20), post(&client)).await;
        assert!(given_up.is_err(), "turn {turn} was answered");
    }
    tokio::task::yield_now().await;
    eventually("all are closed", || {
        holds(receiver.connections().1 == 0, || format!("{} are open", receiver.connections().1))
    });
}

#[tokio::test]
async fn requests_carry_what_they_should() {
    let receiver = Receiver::usual();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let basic = Auth::Basic { user: "Aladdin".into(), password: Credential::Value(Secret::new("open sesame")) };
    let mut with = settings(format!("{}?a=b%20c", push_url(&receiver)));
    with.headers = vec![("X-Scope-OrgID".into(), Secret::new("shop"))];
    with.auth = basic;
    let text = format!("{with:?}");
    assert!(!text.contains("sesame") && !text.contains("shop"), "{text}");
    let one = Client::new(with.clone()).unwrap();
    one.post(Bytes::from_static(b"body"), "application/x-protobuf", Some("snappy")).await.unwrap();
    with.auth = Auth::Bearer(Credential::File(file.clone()));
    let two = Client::new(with).unwrap();
    post(&two).await.unwrap();
    std::fs::write(&file, "second\n").unwrap();
    post(&two).await.unwrap();
    // What cannot be used leaves the last one in use.
    std::fs::write(&file, "").unwrap();
    post(&two).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    post(&two).await.unwrap();

    let asked = receiver.asked();
    let sent = |name: &str| asked.iter().map(|push| push.headers.get(name).cloned()).collect::<Vec<_>>();
    let authorization =
        ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Bearer first", "Bearer second", "Bearer second", "Bearer second"];
    assert_eq!(sent("authorization"), authorization.map(|value| Some(value.to_owned())));
    let first = &asked.first().unwrap().headers;
    for (name, value) in [
        ("host", receiver.address().to_string().as_str()),
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("content-length", "4"),
        ("x-scope-orgid", "shop"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(first.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(sent("content-encoding").last().unwrap(), &None);
}

#[tokio::test]
async fn a_secret_which_is_not_there_keeps_the_post_back() {
    let receiver = Receiver::usual();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let mut with = settings(push_url(&receiver));
    with.auth = Auth::Basic { user: "me".into(), password: Credential::File(file.clone()) };
    let client = Client::new(with).unwrap();
    for wrong in [None, Some("hunter\u{7}2"), Some("hunter2\nhunter3\n")] {
        match wrong {
            None => {}
            Some(text) => std::fs::write(&file, text).unwrap(),
        }
        let outcome = post(&client).await;
        if wrong.is_none() {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.surely_unsent()), ("material", true));
            assert!(format!("{error:?}").contains("password"), "{error:?}");
        } else {
            // Base64 carries anything.
            assert_eq!(outcome.unwrap().status, 400);
        }
    }
    let mut with = settings(push_url(&receiver));
    with.auth = Auth::Bearer(Credential::Value(Secret::new("hunter2\nX-Evil: 1")));
    let error = post(&Client::new(with).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), "material");
    assert!(!format!("{error:?}").contains("hunter"), "{error:?}");
}

#[tokio::test]
async fn tls_is_verified_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    ours.write_client(&good);
    theirs.write_client(&bad);
    let receiver = Receiver::tls(Limits::default(), ours.server("localhost"));
    let port = receiver.address().port();
    let trust = |ca: &PathBuf, client: Option<&PathBuf>| Tls {
        ca: Some(ca.join("ca.pem")),
        client: client.map(|folder| (folder.join("cert.pem"), folder.join("key.pem"))),
    };
    let with = |host: &str, tls: Tls| {
        let url = format!("https://{host}:{port}/loki/api/v1/push");
        Client::new(Settings { tls, ..settings(url) }).unwrap()
    };
    let known = with("localhost", trust(&good, Some(&good)));
    for _ in 0..3 {
        assert_eq!(post(&known).await.unwrap().status, 400);
    }
    assert_eq!(receiver.connections().0, 1, "TLS is spoken once");
    for (what, client) in [
        ("another authority", with("localhost", trust(&bad, Some(&good)))),
        ("the machine's authorities", with("localhost", Tls::default())),
        ("another name", with("127.0.0.1", trust(&good, Some(&good)))),
        ("no certificate of ours", with("localhost", trust(&good, None))),
        ("a stranger's certificate", with("localhost", trust(&good, Some(&bad)))),
    ] {
        let error = post(&client).await.unwrap_err();
        assert_eq!(error.kind(), "tls", "{what}: {error:?}");
    }
    let plain = Receiver::usual();
    let url = format!("https://{}/", plain.address());
    let error = post(&client(url)).await.unwrap_err();
    assert!(matches!(error.kind(), "tls" | "timeout"), "{error:?}");

    // Renewed files are used without a restart: those of the authority that is asked for now.
    let renewed = with("localhost", trust(&bad, Some(&bad)));
    assert_eq!(post(&renewed).await.unwrap_err().kind(), "tls");
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(good.join(name), bad.join(name)).unwrap();
    }
    assert_eq!(post(&renewed).await.unwrap().status, 400);
    let missing = with("localhost", trust(&folder.path().join("nowhere"), None));
    assert_eq!(post(&missing).await.unwrap_err().kind(), "material");
}

#[test]
fn settings_which_can_never_work_are_refused() {
    let address = |url: &str| Client::new(settings(url)).unwrap_err();
    for url in ["", "/loki", "http://", "http://h:0/", "http://h:x/", "http://h:70000/", "http://a b/"] {
        assert_eq!(address(url), SettingsError::Address, "{url}");
    }
    for url in ["loki", "loki:3100", "ftp://loki/"] {
        assert_eq!(address(url), SettingsError::Scheme, "{url}");
    }
    for url in ["http://me:hunter2@loki/", "https://me@loki/"] {
        let error = address(url);
        assert_eq!(error, SettingsError::Credentials);
        assert!(!error.to_string().contains("hunter2"));
    }
    let header = |name: &str, value: &str| {
        let headers = vec![(name.to_owned(), Secret::new(value))];
        Client::new(Settings { headers, ..settings("http://loki/") }).map(drop)
    };
    assert_eq!(header("X-Scope-OrgID", "a"), Ok(()));
    for (name, value) in
        [("Host", "a"), ("content-length", "1"), ("Authorization", "a"), ("X A", "a"), ("X-A", "a\nb"), ("", "a")]
    {
        assert_eq!(header(name, value), Err(SettingsError::Header(name.to_owned())), "{name}: {value:?}");
    }
    let auth = Auth::Basic { user: "a:b".into(), password: Credential::Value(Secret::new("c")) };
    let colon = Client::new(Settings { auth, ..settings("http://loki/") }).map(drop);
    assert_eq!(colon, Err(SettingsError::User));
    for (url, name) in [
        ("http://loki", "loki:80"),
        ("https://loki/a?b", "loki:443"),
        ("http://[::1]:3100/", "[::1]:3100"),
        ("HTTP://loki:1", "loki:1"),
    ] {
        assert_eq!(client(url).server(), name);
    }
}
