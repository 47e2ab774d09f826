//! Ten thousand times an address changes hands within a tenth of a second, over real sockets, in real time: the receiver accepts what the
//! kernel hands it, events and descriptions of a made-up engine come late, and whoever is named has said so himself.
//!
//! The attributor sees no process of the host, as in a container without `pid: host`: nothing but the order of things tells it who is there.
//! The sockets are in a network namespace of their own, on addresses that are added to its loopback: those of 127.0.0.0/8 are never a
//! container's. Wants root, `ip` and `unshare`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test which cannot go on has failed")]

mod support;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use jiff::Timestamp;
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngSeed, TestRunner},
};
use spyhop::{
    inventory::{EngineStatus, Entry, Reader, Snapshot},
    model::{Attachment, Container, ContainerId, ContainerState, EngineVersion, Event, EventKind, Labels, NetworkMode},
    otlp::{
        Signal,
        wire::{Span, Writer, groups},
    },
    traces::{
        Receiver,
        attribute::{Around, Attributor, Binding},
        caller::Caller,
        intake::{Answer, Bound, Greeted, Intake},
        receive,
    },
};
use support::{docker::skip, namespace::inside, wait::eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Changes of hands.
const ROUNDS: usize = 10_000;

/// Addresses that change hands at a time, each between two containers.
const LANES: usize = 40;

/// Where the receiver listens; the addresses of containers follow.
const DOOR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// How late an event comes, and how long a description takes, in milliseconds: well within what the attributor allows for.
const LATE: u64 = 40;
const DESCRIBED: u64 = 20;

/// A network namespace with all the addresses, for as long as this is there.
struct Namespace(Child);

impl Namespace {
    fn or_skip() -> Option<Self> {
        let sleeper = Command::new("unshare").args(["--net", "sleep", "1000"]).stdout(Stdio::null()).spawn();
        let this = match sleeper {
            Ok(sleeper) => Self(sleeper),
            Err(error) => return skip("network namespace", &format!("run unshare: {error}")),
        };
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let at = format!("/proc/{}/ns/net", this.0.id());
        eventually("a namespace of its own", || match std::fs::read_link(&at) {
            Ok(other) if other != own => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let addresses = (0..LANES).map(address).chain([DOOR]).map(|address| format!("addr add {address}/16 dev lo\n"));
        let batch: String = addresses.chain(["link set lo up\n".to_owned()]).collect();
        let mut ip = Command::new("nsenter");
        ip.args([&format!("--net={at}"), "ip", "-batch", "-"]).stdin(Stdio::piped());
        let mut ip = ip.spawn().unwrap();
        std::io::Write::write_all(&mut ip.stdin.take().unwrap(), batch.as_bytes()).unwrap();
        assert!(ip.wait().unwrap().success(), "addresses are added");
        Some(this)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn address(lane: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(DOOR.to_bits() + 1 + u32::try_from(lane).unwrap())
}

/// The engine: what is true of each container, what was heard of it, and the picture that was made of that.
struct Engine {
    attributor: Attributor,
    reader: Reader,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    containers: Vec<Container>,
    picture: Snapshot,
    heard: u64,
}

impl Engine {
    fn new(attributor: Attributor, reader: Reader) -> Arc<Self> {
        let this = Arc::new(Self { attributor, reader, state: Mutex::default() });
        {
            let mut state = this.state.lock().unwrap();
            let version = EngineVersion { version: "28.5.1".into(), ..EngineVersion::default() };
            state.picture.engine = EngineStatus {
                connected: true,
                version: Some(version.into()),
                ready_since: Some(Timestamp::now()),
                ..EngineStatus::default()
            };
            for number in 0..2 * LANES {
                let id = format!("{number:012x}{:052x}", 7);
                let mut container = Container::bare(id, &format!("c{number}"), Labels::default());
                (container.state, container.pid) = (ContainerState::Running, Some(1));
                container.started_at = Some(Timestamp::now());
                container.network_mode = NetworkMode::Own("net".into());
                state.picture.containers.push(Arc::new(Entry::bare(container.clone(), Timestamp::now())));
                state.containers.push(container);
            }
            this.publish(&mut state);
        }
        this
    }

    fn publish(&self, state: &mut State) {
        state.picture.generation += 1;
        self.reader.publish(state.picture.clone());
        self.attributor.ring();
    }

    /// Something happens to a container now: it is true at once, and heard and described later.
    fn happens(
        self: &Arc<Self>,
        number: usize,
        dice: &mut Dice,
        change: impl FnOnce(&mut Container) -> Vec<EventKind>,
    ) {
        let events = change(&mut self.state.lock().unwrap().containers[number]);
        let time = Timestamp::now();
        for kind in events {
            // Changes of a network's have no attributes, which is how they are told from others.
            let attributes = match kind {
                EventKind::Changed(_) => Labels::default(),
                _ => Labels::new([("name".into(), "some".into())]),
            };
            let (late, described) = (dice.ms(LATE), dice.ms(DESCRIBED));
            let (this, event) = (Arc::clone(self), Event { time, kind, attributes });
            tokio::spawn(async move {
                sleep(late).await;
                this.state.lock().unwrap().heard += 1;
                this.attributor.hear(&event);
                let asked_after = this.state.lock().unwrap().heard;
                sleep(described).await;
                let mut state = this.state.lock().unwrap();
                let entry = Entry { asked_after, ..Entry::bare(state.containers[number].clone(), Timestamp::now()) };
                // An answer to an older question does not take the place of a newer one.
                let place = &mut state.picture.containers[number];
                if place.asked_after <= asked_after {
                    *place = Arc::new(entry);
                    this.publish(&mut state);
                }
            });
        }
    }
}

/// Numbers at random, the same for a lane in each run.
struct Dice(TestRunner);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        (0..end).new_tree(&mut self.0).unwrap().current()
    }

    fn ms(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// Names senders, and holds it against what they say of themselves.
struct Judge {
    attributor: Attributor,
    named: AtomicUsize,
    asked: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Intake for Judge {
    fn greet(&self, caller: Caller) -> Greeted {
        Greeted { bound: Arc::new(self.attributor.bind(&caller)), container: None }
    }

    fn take<'a>(&'a self, from: &'a Bound, _: Signal, request: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let binding: &Binding = from.downcast_ref().unwrap();
            self.attributor.settle(binding).await;
            for group in groups(&request).map(Result::unwrap) {
                let record = group.scopes().next().unwrap().unwrap().records().next().unwrap().unwrap();
                let said = String::from_utf8_lossy(Span::parse(record).unwrap().name).into_owned();
                let named = self.attributor.name(binding, &group);
                self.asked.fetch_add(1, Relaxed);
                if let Some(who) = named.who {
                    self.named.fetch_add(1, Relaxed);
                    if *who.container_name != *said {
                        self.wrong.lock().unwrap().push(format!("{said} was taken for {}", who.container_name));
                    }
                }
            }
            Answer::taken()
        })
    }
}

/// A connection from a container's address.
async fn connect(from: Ipv4Addr, door: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(door).await.unwrap()
}

/// Sends one span of that name, and waits for the answer.
async fn send(stream: &mut TcpStream, says: usize) {
    let mut request = Writer::new();
    request.message(1, |group| {
        group.message(2, |scope| scope.message(2, |span| span.string(5, &format!("c{says}"))));
    });
    let body = request.into_bytes();
    let length = body.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.into_bytes(), body].concat()).await.unwrap();
    let mut answer = [0; 512];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
}

fn attached(address: Ipv4Addr) -> Vec<Attachment> {
    let addresses = vec![IpAddr::V4(address)];
    vec![Attachment { network: "net".into(), network_id: Some("net-id".into()), addresses, aliases: Vec::new() }]
}

fn id(container: &Container) -> ContainerId {
    container.id.clone()
}

/// One address, from hand to hand.
async fn lane(engine: Arc<Engine>, lane: usize, door: SocketAddr) {
    let seed = RngSeed::Fixed(u64::try_from(lane).unwrap());
    let mut dice = Dice(TestRunner::new(Config { rng_seed: seed, ..Config::default() }));
    let (address, mut holder, mut last) = (address(lane), 2 * lane, None::<(usize, TcpStream)>);
    let mut sent = Vec::new();
    for round in 0..ROUNDS / LANES {
        // Mostly a network is left and joined. Now and then a container ends and starts, which makes everybody wait who comes meanwhile.
        let restarts = dice.below(20) == 0;
        if round > 0 {
            engine.happens(holder, &mut dice, |container| {
                container.networks = Vec::new();
                let moved = EventKind::Changed(id(container));
                match restarts {
                    true => {
                        (container.state, container.pid) = (ContainerState::Exited, None);
                        vec![moved, EventKind::Died { id: id(container), exit_code: Some(0) }]
                    }
                    false => vec![moved],
                }
            });
            sleep(dice.ms(100)).await;
        }
        holder = 2 * lane + usize::from(holder == 2 * lane);
        engine.happens(holder, &mut dice, |container| {
            container.networks = attached(address);
            let moved = EventKind::Changed(id(container));
            if container.state == ContainerState::Running {
                return vec![moved];
            }
            (container.state, container.pid) = (ContainerState::Running, Some(1));
            container.started_at = Some(Timestamp::now());
            vec![moved, EventKind::Started(id(container))]
        });
        sleep(dice.ms(30)).await;
        let mut stream = connect(address, door).await;
        // One that was there before may still say something, and is not the new holder because of it.
        if let Some((before, mut old)) = last.take() {
            sent.push(tokio::spawn(async move { send(&mut old, before).await }));
        }
        let (wait, keeps) = (dice.ms(60), dice.below(3) == 0);
        let says = holder;
        if keeps {
            send(&mut stream, says).await;
            last = Some((says, stream));
        } else {
            sent.push(tokio::spawn(async move {
                sleep(wait).await;
                send(&mut stream, says).await;
            }));
            sleep(dice.ms(120)).await;
        }
    }
    for task in sent {
        task.await.unwrap();
    }
}

#[test]
fn ten_thousand_changes_of_hands_over_real_sockets_name_nobody_wrongly() {
    let Some(namespace) = Namespace::or_skip() else { return };
    let judge = inside(namespace.0.id(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reader = Reader::new();
            let around = Around {
                proc: "/nowhere".into(),
                own: None,
                local_engine: true,
                labels: Vec::new(),
                environment: None,
                host_id: None,
            };
            let attributor = Attributor::new(reader.clone(), around);
            let judge = Arc::new(Judge {
                attributor: attributor.clone(),
                named: AtomicUsize::new(0),
                asked: AtomicUsize::new(0),
                wrong: Mutex::default(),
            });
            let doors = receive::bind(&Receiver {
                grpc: None,
                http: Some(SocketAddr::from((DOOR, 0))),
                socket: None,
                max_request: 1 << 20,
                max_pending: 64 << 20,
                max_connections: 2_000,
                trusted_proxies: Vec::new(),
            });
            let (doors, stop) = (doors.unwrap(), CancellationToken::new());
            let door = doors.http().unwrap();
            let intake = Arc::clone(&judge) as Arc<dyn Intake>;
            let served = tokio::spawn(receive::serve(doors, intake, Arc::default(), stop.clone()));
            let engine = Engine::new(attributor, reader);
            join_all((0..LANES).map(|number| tokio::spawn(lane(Arc::clone(&engine), number, door))))
                .await
                .into_iter()
                .for_each(Result::unwrap);
            stop.cancel();
            served.await.unwrap().unwrap();
            judge
        })
    });
    let (named, asked) = (judge.named.load(Relaxed), judge.asked.load(Relaxed));
    println!("{named} of {asked} requests were named in {ROUNDS} rounds");
    let wrong = judge.wrong.lock().unwrap();
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    assert!(asked >= ROUNDS && named * 3 > asked, "{named} of {asked}");
}
