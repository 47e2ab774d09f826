//! What a confined process can do and cannot, asked of the kernel itself.
//!
//! Promised: what each role needs works, what it does not need is refused with an error it can live with, and what was given up is not taken
//! back. Each test confines a thread of its own: filters and Landlock bind that alone. Only dumps are the process's.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

use std::{
    fs::{self, File},
    io,
    net::{TcpListener, TcpStream},
    os::{
        fd::AsFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    thread,
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use spyhop::sandbox::{Confined, Keeps, Role, confine, confine_but};

/// Runs a check in a thread that has confined itself.
fn confined(role: Role, keeps: Keeps, check: impl FnOnce(Confined) + Send + 'static) {
    let checked = thread::spawn(move || check(confine_but(role, &keeps))).join();
    checked.expect("the check holds");
}

#[track_caller]
fn refused<T>(what: &str, tried: io::Result<T>) {
    let errno = tried.err().and_then(|error| error.raw_os_error());
    assert!(matches!(errno, Some(libc::EPERM | libc::EACCES)), "{what}: {errno:?}");
}

/// Enters the network namespace it is in, which changes nothing.
fn enter_namespace() -> io::Result<()> {
    let own = File::open("/proc/thread-self/ns/net")?;
    Ok(move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Network))?)
}

fn netlink_socket() -> io::Result<()> {
    // Number 0 of the family: NETLINK_ROUTE.
    let asked = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None);
    Ok(asked.map(drop)?)
}

fn start_program() -> io::Result<()> {
    Command::new("/proc/self/exe").arg("--help").stdout(std::process::Stdio::null()).status().map(drop)
}

fn listening(folder: &Path) -> UnixListener {
    UnixListener::bind(folder.join("engine.sock")).expect("a socket")
}

/// What every role has given up.
fn has_given_up(kept: Confined) {
    assert!(kept.no_new_privileges && kept.not_dumpable && kept.seccomp, "{kept:?}");
    refused("starting a program", start_program());
    refused("being dumped again", set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(Into::into));
    assert_eq!(dumpable_behavior().ok(), Some(DumpableBehavior::NotDumpable));
    // What nothing works without.
    UnixStream::pair().expect("a pair");
    thread::spawn(|| {}).join().expect("a thread");
}

#[test]
fn an_agent_keeps_networks_and_its_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a folder");
    let (engine, outside) = (listening(folder.path()), folder.path().join("outside"));
    let socket = folder.path().join("engine.sock");
    let keeps = Keeps { writes: Some(vec![state.clone()]), ..Keeps::of(Role::Agent) };
    confined(Role::Agent, keeps, move |kept| {
        has_given_up(kept);
        refused("the engine's socket", UnixStream::connect(&socket));
        refused("another socket of this machine", UnixListener::bind(state.join("own.sock")));
        refused("a namespace", enter_namespace());
        let server = TcpListener::bind("127.0.0.1:0").expect("a server");
        TcpStream::connect(server.local_addr().expect("its address")).expect("a client");
        netlink_socket().expect("what sockets are counted by");
        fs::write(state.join("new"), "x").expect("its own folder");
        fs::rename(state.join("new"), state.join("renamed")).expect("its own folder");
        fs::remove_file(state.join("renamed")).expect("its own folder");
        fs::read("/proc/self/stat").expect("reading is free");
        if kept.landlock.is_some() {
            refused("a file elsewhere", fs::write(&outside, "x"));
            refused("a folder elsewhere", fs::create_dir(&outside));
        }
    });
    drop(engine);
}

#[test]
fn an_agent_without_a_broker_keeps_sockets_of_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = listening(folder.path());
    let socket = folder.path().join("engine.sock");
    confined(Role::Agent, Keeps { local_sockets: true, ..Keeps::of(Role::Agent) }, move |kept| {
        has_given_up(kept);
        UnixStream::connect(&socket).expect("the engine");
    });
    drop(engine);
}

#[test]
fn a_broker_keeps_the_engine_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = listening(folder.path());
    let (socket, file) = (folder.path().join("engine.sock"), folder.path().join("file"));
    fs::write(&file, "x").expect("a file");
    confined(Role::Broker, Keeps::of(Role::Broker), move |kept| {
        has_given_up(kept);
        UnixStream::connect(&socket).expect("the engine");
        refused("a network", TcpListener::bind("127.0.0.1:0"));
        refused("a network", netlink_socket());
        refused("a new file", File::create(folder.path().join("new")));
        refused("an old file", File::options().append(true).open(&file));
        refused("an end of a file", fs::remove_file(&file));
        refused("a namespace", enter_namespace());
        if kept.landlock.is_some() {
            refused("reading", File::open(&file));
            refused("reading", fs::read_dir("/"));
        }
    });
    drop(engine);
}

#[test]
fn a_broker_of_an_engine_elsewhere_keeps_networks_and_its_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let (keys, other) = (folder.path().join("keys"), folder.path().join("other"));
    for place in [&keys, &other] {
        fs::create_dir(place).expect("a folder");
        fs::write(place.join("key.pem"), "x").expect("a file");
    }
    let keeps = Keeps { network: true, reads: Some(vec![keys.clone()]), ..Keeps::of(Role::Broker) };
    confined(Role::Broker, keeps, move |kept| {
        has_given_up(kept);
        TcpListener::bind("127.0.0.1:0").expect("a network");
        fs::read(keys.join("key.pem")).expect("its key");
        refused("a new key", fs::write(keys.join("key.pem"), "y"));
        if kept.landlock.is_some() {
            refused("another's key", fs::read(other.join("key.pem")));
        }
    });
}

#[test]
fn a_helper_keeps_namespaces() {
    let folder = tempfile::tempdir().expect("a folder");
    let listening = listening(folder.path());
    let socket = folder.path().join("engine.sock");
    let before = enter_namespace().is_ok();
    let checked = thread::spawn(move || {
        let kept = confine(Role::Helper);
        has_given_up(kept);
        // It may where its user may: which is a matter of capabilities.
        assert_eq!(enter_namespace().is_ok(), before);
        refused("a socket of this machine", UnixStream::connect(&socket));
        TcpListener::bind("127.0.0.1:0").expect("a socket to hand over");
        netlink_socket().expect("a socket to hand over");
    });
    checked.join().expect("the check holds");
    drop(listening);
}
