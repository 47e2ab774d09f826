//! How the service starts and ends.

mod support;

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use support::{Demo, command, json, read_answer};

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: demo\r\n\r\n";

#[test]
fn sigterm_lets_running_requests_finish() {
    let mut demo = Demo::start(&["--latency", "500ms"]);
    let running = demo.send(REQUEST);
    demo.post("/control", r#"{"latency":"0"}"#);
    demo.signal(Signal::TERM);
    assert_eq!(read_answer(running).status, 200);
    assert_eq!(demo.ended().code(), Some(0));
    let last = demo.remaining_lines().pop().unwrap();
    assert_eq!(json(&last)["message"], "ending");
}

#[test]
fn draining_has_an_end() {
    let mut demo = Demo::start(&["--health", "hang", "--drain", "100ms"]);
    let _hanging = demo.send("GET /health HTTP/1.1\r\nhost: demo\r\n\r\n");
    demo.get("/");
    demo.signal(Signal::TERM);
    assert_eq!(demo.ended().code(), Some(0));
}

#[test]
fn an_abrupt_end_has_the_code_of_the_signal() {
    let mut demo = Demo::start(&["--on-term", "abrupt"]);
    demo.signal(Signal::INT);
    assert_eq!(demo.ended().code(), Some(143));
}

#[test]
fn a_deaf_service_needs_sigkill() {
    let mut demo = Demo::start(&["--on-term", "ignore"]);
    demo.signal(Signal::TERM);
    demo.line_with("ignoring the signal");
    assert!(demo.is_running());
    assert_eq!(demo.get("/health").status, 200);
}

#[test]
fn it_ends_by_itself_with_the_given_code() {
    let began = Instant::now();
    let mut demo = Demo::start_unheard(&["--exit-after", "300ms", "--exit-code", "3"]);
    assert_eq!(demo.ended().code(), Some(3));
    assert!(began.elapsed() >= Duration::from_millis(300));
    let last = demo.remaining_lines().pop().unwrap();
    assert_eq!(json(&last)["exit_code"], 3);
}

#[test]
fn it_ends_on_command_after_answering() {
    let mut demo = Demo::start(&[]);
    assert_eq!(demo.post("/control", r#"{"exit":7}"#).status, 200);
    assert_eq!(demo.ended().code(), Some(7));
}

#[test]
fn before_the_start_delay_is_over_nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = free.port().to_string();
    // The later --port would be refused as a repetition, so this one starts without the helper.
    let mut child = command(&["--address", "127.0.0.1", "--start-delay", "400ms"]).env("PORT", port).spawn().unwrap();
    let began = Instant::now();
    assert!(TcpStream::connect(free).is_err());
    support::eventually("it listens", || TcpStream::connect(free).is_ok());
    assert!(began.elapsed() >= Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_signal_during_the_start_delay_ends_it() {
    let mut demo = Demo::start_unheard(&["--start-delay", "1h"]);
    demo.line_with("starting");
    demo.signal(Signal::TERM);
    assert_eq!(demo.ended().code(), Some(0));
}

#[test]
fn a_taken_port_is_an_error_which_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = command(&["--address", "127.0.0.1"]).env("PORT", address.port().to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("listen on {address}")), "{said}");
}

#[test]
fn a_caller_without_headers_is_cut_off() {
    let demo = Demo::start(&[]);
    let mut slow = TcpStream::connect(&demo.address).unwrap();
    slow.set_read_timeout(Some(support::PATIENCE)).unwrap();
    slow.write_all(b"GET / HT").unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut slow, &mut rest).unwrap();
    assert_eq!(demo.get("/health").status, 200);
}

#[test]
fn connections_over_the_ceiling_are_closed_and_counted() {
    let demo = Demo::start(&["--health", "hang"]);
    let hanging: Vec<_> = (0..256).map(|_| demo.send("GET /health HTTP/1.1\r\nhost: demo\r\n\r\n")).collect();
    let mut refused = demo.send(REQUEST);
    let mut nothing = Vec::new();
    // Closed with our request unread, which arrives here as an end or as a reset.
    let _end_or_reset = std::io::Read::read_to_end(&mut refused, &mut nothing);
    assert_eq!(nothing, b"");
    drop(hanging);
    support::eventually("a slot is free again", || {
        TcpStream::connect(&demo.address).is_ok_and(|mut stream| {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n").unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stream, &mut text).is_ok()
                && text.contains("demo_connections_refused_total")
        })
    });
}
