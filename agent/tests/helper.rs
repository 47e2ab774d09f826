//! `spyhop helper netns` as its own process: what it makes, for whom, and what it can be brought to.
//!
//! Promised: sockets are in the namespace they were asked for; a pid that was given out anew, a user who is not named, the host's own
//! network and bytes of no form get nothing; after whatever it was asked the helper is where it was, with what it had.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{
    fs,
    io::ErrorKind,
    net::SocketAddr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
    process::Command,
};

use rustix::{
    fs::{Gid, Uid},
    net::{AddressFamily, sockopt::socket_domain},
    thread::{set_thread_res_gid, set_thread_res_uid},
};
use spyhop::{
    helper::{Family, Kind, MAX_SOCKETS, tcp},
    model::Process,
    net::handover,
};
use support::{
    netns_helper::{NetnsHelper, Sleeper, is_root_or_skip, namespace, process},
    scene::binary,
    wait::{eventually, holds},
};

/// Where nobody listens: refused at home, and no way at all where loopback is down.
const CLOSED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

async fn knock(socket: OwnedFd) -> ErrorKind {
    tcp(socket).connect(CLOSED).await.expect_err("nobody listens there").kind()
}

fn field(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let found = status.lines().find_map(|line| line.strip_prefix(name)).expect("every process has it");
    found.trim_start_matches(':').trim().to_owned()
}

#[tokio::test]
async fn sockets_are_where_they_were_asked_for() {
    if !is_root_or_skip() {
        return;
    }
    let (helper, sleeper) = (NetnsHelper::start(&[]), Sleeper::start(&[]));
    let own = std::net::TcpStream::connect(CLOSED).expect_err("nobody listens there");
    assert_eq!(own.kind(), ErrorKind::ConnectionRefused, "at home loopback is up");
    let client = helper.client();
    for family in [Family::V4, Family::V6] {
        for kind in [Kind::Stream, Kind::Datagram] {
            let most = usize::from(MAX_SOCKETS);
            let sockets = client.sockets(sleeper.process(), family, kind, most).await.expect("sockets");
            assert_eq!(sockets.len(), most);
            let any: std::net::IpAddr = if family == Family::V4 { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
            let taken = rustix::net::bind(&sockets[0], &std::net::SocketAddr::new(any, 5432));
            assert_eq!(taken, Err(rustix::io::Errno::INVAL), "nobody takes a port of a service's by it");
        }
    }
    let sockets = client.sockets(sleeper.process(), Family::V4, Kind::Stream, 3).await.expect("sockets");
    for socket in sockets {
        assert_eq!(knock(socket).await, ErrorKind::NetworkUnreachable, "loopback of the sleeper is down");
    }
    let nested = Sleeper::start(&["--user", "--map-root-user"]);
    let sockets = client.sockets(nested.process(), Family::V4, Kind::Stream, 1).await.expect("sockets");
    assert_eq!(knock(sockets.into_iter().next().expect("one")).await, ErrorKind::NetworkUnreachable);
    for pid in [sleeper.pid(), std::process::id()] {
        let diag = client.diag(process(pid).expect("it runs")).await.expect("a list of anybody's sockets");
        assert_eq!(socket_domain(&diag), Ok(AddressFamily::NETLINK));
    }
    for count in [0, usize::from(MAX_SOCKETS) + 1] {
        let error = client.sockets(sleeper.process(), Family::V4, Kind::Stream, count).await.expect_err("not so many");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn it_holds_two_capabilities_and_nothing_else() {
    if !is_root_or_skip() {
        return;
    }
    let helper = NetnsHelper::start(&[]);
    let two = "0000000000280000";
    let held = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(|set| field(helper.pid(), set));
    assert_eq!(held, ["0000000000000000", two, two, "0000000000000000"]);
    assert_eq!(field(helper.pid(), "Threads"), "1", "namespaces belong to threads");
    let mode = std::fs::metadata(helper.path()).expect("its socket");
    assert_eq!(mode.permissions().mode() & 0o777, 0o660);
}

#[test]
fn it_says_what_it_lacks() {
    if !is_root_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("netns.sock");
    let mut lacking = Command::new("setpriv");
    lacking.args(["--bounding-set", "-all,+sys_admin", "--inh-caps", "-all", "--"]);
    let outcome = lacking.args([&binary(), "helper", "netns", "--listen"]).arg(&path).output().expect("setpriv");
    assert_eq!(outcome.status.code(), Some(3));
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(said.starts_with("spyhop: CAP_SYS_PTRACE missing: the helper needs"), "{said}");
    assert!(!path.exists(), "nobody is let in by a helper that cannot help");
}

#[tokio::test]
async fn whoever_is_not_the_process_that_is_meant_gets_nothing() {
    if !is_root_or_skip() {
        return;
    }
    let (helper, mut sleeper) = (NetnsHelper::start(&[]), Sleeper::start(&[]));
    let (client, live) = (helper.client(), sleeper.process());
    let ask = async |of: Process| match client.sockets(of, Family::V4, Kind::Stream, 1).await {
        Ok(sockets) => panic!("{of:?} gave {sockets:?}"),
        Err(error) => error.kind(),
    };
    let earlier = Process { start_time: live.start_time - 1, ..live };
    assert_eq!(ask(earlier).await, ErrorKind::NotFound, "its id was another's before");
    assert_eq!(ask(Process { pid: 4_194_305, ..live }).await, ErrorKind::NotFound, "no pid is so high");
    // The kernel's own process; this test runs on the host's network.
    for pid in [2, std::process::id(), helper.pid()] {
        let host = process(pid).expect("it runs");
        assert_eq!(namespace(pid), namespace(2), "{pid}");
        assert_eq!(ask(host).await, ErrorKind::PermissionDenied, "{pid}");
    }
    sleeper.end();
    assert_eq!(ask(live).await, ErrorKind::NotFound, "it has ended");
    assert!(client.diag(live).await.is_err_and(|error| error.kind() == ErrorKind::NotFound));
    client.ping().await.expect("and it goes on answering");
}

#[tokio::test]
async fn a_user_who_is_not_named_is_turned_away() {
    if !is_root_or_skip() {
        return;
    }
    let helper = NetnsHelper::start(&[65_534]);
    let error = helper.client().ping().await.expect_err("root is not named");
    let cut = [ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(cut.contains(&error.kind()), "{error:?}");
    assert!(!helper.log().contains("turned away"), "the helper's own user is its health check: {}", helper.log());

    // Others without a capability, each on a thread that ends with him: credentials belong to threads.
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a mode");
    open(helper.path().parent().expect("a folder"));
    open(&helper.path());
    let ask_as = |user: u32| {
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
                set_thread_res_gid(gid, gid, gid).expect("root may");
                set_thread_res_uid(uid, uid, uid).expect("root may");
                let socket = helper.socket();
                let mut ping = [0; 17];
                ping[..2].copy_from_slice(&[1, 3]);
                handover::send(&socket, &ping, &[]).and_then(|()| handover::receive(&socket)).map(|(answer, _)| answer)
            });
            asking.join().expect("nothing panics")
        })
    };
    assert_eq!(ask_as(65_534).expect("the user who is named"), [1, 0]);
    let other = ask_as(65_533);
    assert!(other.as_ref().map_or_else(|error| cut.contains(&error.kind()), Vec::is_empty), "{other:?}");
    eventually("he is told of", || {
        let log = helper.log();
        holds(log.contains("a user who may not ask was turned away"), || log.clone())
    });
}

#[test]
fn a_health_check_knocks_and_may_be_turned_away() {
    if !is_root_or_skip() {
        return;
    }
    let check = |path: &Path| {
        let outcome =
            Command::new(binary()).args(["helper", "netns", "--check"]).arg(path).output().expect("it starts");
        (outcome.status.code(), String::from_utf8_lossy(&outcome.stderr).into_owned())
    };
    for uids in [&[][..], &[65_534]] {
        let helper = NetnsHelper::start(uids);
        assert_eq!(check(&helper.path()), (Some(0), String::new()), "{uids:?}");
        let path = helper.path();
        assert!(support::process::signal(helper.pid(), rustix::process::Signal::STOP), "it runs");
        let (code, said) = check(&path);
        assert_eq!((code, said.contains("no helper answers at")), (Some(1), true), "it hangs: {said}");
        drop(helper);
        assert_eq!(check(&path).0, Some(1), "it has gone");
    }
}

#[tokio::test]
async fn bytes_of_no_form_end_the_conversation() {
    if !is_root_or_skip() {
        return;
    }
    let (helper, sleeper) = (NetnsHelper::start(&[]), Sleeper::start(&[]));
    let before = helper.state();
    let mut foreign = vec![1, 1, 4, 1, 1];
    foreign.extend(sleeper.process().pid.to_le_bytes());
    foreign.extend(sleeper.process().start_time.to_le_bytes());
    let messages: [&[u8]; 5] = [b"x", &[0; 17], &[1; 17], &[0xff; 4096], &[foreign.as_slice(), &[0]].concat()];
    for message in messages {
        let socket = helper.socket();
        handover::send(&socket, message, &[]).expect("it is taken");
        assert_eq!(handover::receive(&socket).expect("an answer").0, [1, 2], "refused: {message:?}");
        assert!(handover::receive(&socket).expect("an end").0.is_empty(), "{message:?}");
    }
    // Longer than any message, which cannot be told from a part of one.
    let socket = helper.socket();
    handover::send(&socket, &[1; 5000], &[]).expect("it is taken");
    assert!(handover::receive(&socket).is_ok_and(|(answer, _)| answer.is_empty()));
    // A sound request with a descriptor nobody asked for.
    let socket = helper.socket();
    let file = std::fs::File::open("/proc/self/comm").expect("a file");
    handover::send(&socket, &foreign, &[file.as_fd()]).expect("it is taken");
    assert_eq!(handover::receive(&socket).expect("an answer").0, [1, 2]);
    drop(socket);
    helper.client().ping().await.expect("others are answered");
    eventually("nothing is kept of them", || {
        let now = helper.state();
        holds(now == before, || format!("{now:?}, before {before:?}"))
    });
}

#[tokio::test]
async fn clients_that_leave_or_do_not_listen_harm_nobody() {
    if !is_root_or_skip() {
        return;
    }
    let (helper, sleeper) = (NetnsHelper::start(&[]), Sleeper::start(&[]));
    let before = helper.state();
    let mut request = vec![1, 1, 4, 1, 64];
    request.extend(sleeper.process().pid.to_le_bytes());
    request.extend(sleeper.process().start_time.to_le_bytes());
    for _ in 0..50 {
        // Gone before its answer is there, with 64 sockets on the way.
        handover::send(helper.socket(), &request, &[]).expect("it is taken");
    }
    let deaf = helper.socket();
    rustix::io::ioctl_fionbio(&deaf, true).expect("a mode");
    let client = helper.client();
    eventually("who does not take its answers is let go", || {
        let sent = (0..50).find_map(|_| handover::send(&deaf, &request, &[]).err());
        holds(sent.as_ref().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe), || format!("{sent:?}"))
    });
    drop(deaf);
    client.ping().await.expect("others are answered");
    drop(client);
    eventually("nothing is kept of them", || {
        let now = helper.state();
        holds(now == before, || format!("{now:?}, before {before:?}"))
    });
}

#[tokio::test]
async fn after_ten_thousand_requests_it_is_where_it_was() {
    if !is_root_or_skip() {
        return;
    }
    let (helper, sleeper) = (NetnsHelper::start(&[]), Sleeper::start(&[]));
    let client = helper.client();
    client.ping().await.expect("an answer");
    let before = helper.state();
    let live = sleeper.process();
    let gone = Process { start_time: 0, ..live };
    let host = process(2).expect("it runs");
    let (mut made, mut failed) = (0, 0);
    for round in 0..10_000 {
        let of = [live, gone, live, host].into_iter().nth(round % 4).expect("one of four");
        match client.sockets(of, Family::V4, Kind::Stream, 2).await {
            Ok(sockets) => made += sockets.len(),
            Err(_) => failed += 1,
        }
    }
    assert_eq!((made, failed), (10_000, 5_000));
    assert_eq!(helper.state(), before, "handles and namespace");
    assert_eq!(namespace(helper.pid()), namespace(std::process::id()));
}

#[tokio::test]
async fn a_helper_that_begins_anew_is_found_again() {
    if !is_root_or_skip() {
        return;
    }
    let helper = NetnsHelper::start(&[]);
    let client = helper.client();
    client.ping().await.expect("an answer");
    let path = helper.path();
    drop(helper);
    let error = client.ping().await.expect_err("nobody is there");
    assert!(error.to_string().starts_with("reach the helper: "), "{error}");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let mut again = Command::new(binary()).args(["helper", "netns", "--listen"]).arg(&path).spawn().expect("it starts");
    eventually("it is found", || {
        // A runtime of its own: this one is busy waiting.
        holds(path.exists(), || "no socket yet".into())
    });
    let answered = client.ping().await;
    again.kill().ok();
    again.wait().ok();
    std::fs::remove_dir_all(path.parent().expect("a folder")).ok();
    answered.expect("the same client, a new connection");
}
