//! Health endpoints fail, hang and slow down on command, and the health check command tells.

mod support;

use std::{
    io::Read,
    time::{Duration, Instant},
};

use support::{Demo, command};

const REQUEST: &str = "GET /health HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n";

#[test]
fn each_endpoint_has_its_own_mode() {
    let demo = Demo::start(&["--ready", "fail"]);
    let statuses = || ["/health", "/health/ready", "/health/live"].map(|path| demo.get(path).status);
    assert_eq!(statuses(), [200, 503, 200]);

    assert_eq!(demo.post("/control", r#"{"health":"fail","ready":"ok","live":"fail"}"#).status, 200);
    assert_eq!(statuses(), [503, 200, 503]);
    assert_eq!(demo.get("/health").body, r#"{"status":"failing"}"#);
}

#[test]
fn health_covers_whom_it_needs_where_it_is_told_to() {
    let store = Demo::start(&[]);
    let url = format!("http://{}/", store.address);
    let demo = Demo::start(&["--relay", &url, "--health-relay"]);
    let statuses = || ["/health", "/health/ready", "/health/live"].map(|path| demo.get(path).status);
    assert_eq!(statuses(), [200, 200, 200]);
    store.post("/control", r#"{"error_rate":1}"#);
    assert_eq!(statuses(), [503, 503, 200]);
    assert_eq!(demo.get("/health").body, r#"{"part":"127.0.0.1","status":"failing"}"#);
    let aloof = Demo::start(&["--relay", &url]);
    assert_eq!(aloof.get("/health").status, 200);
}

#[test]
fn a_slow_endpoint_takes_its_time() {
    let demo = Demo::start(&["--health", "slow:300ms"]);
    let began = Instant::now();
    assert_eq!(demo.get("/health").status, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_hanging_endpoint_says_nothing_and_others_go_on() {
    let demo = Demo::start(&["--health", "hang"]);
    let mut hanging = demo.send(REQUEST);
    assert_eq!(demo.get("/health/live").status, 200);
    hanging.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let silence = hanging.read(&mut [0]).unwrap_err();
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_health_check_command_tells_by_its_exit_code() {
    let demo = Demo::start(&["--ready", "fail", "--live", "hang"]);
    let check = |path: &str| {
        let url = format!("http://{}{path}", demo.address);
        command(&["healthcheck", "--timeout", "300ms", &url]).output().unwrap()
    };
    assert_eq!(check("/health").status.code(), Some(0));
    let failing = check("/health/ready");
    assert_eq!(failing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failing.stderr).contains("503 Service Unavailable"), "{failing:?}");
    let hanging = check("/health/live");
    assert_eq!(hanging.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&hanging.stderr).contains("no answer within 300ms"), "{hanging:?}");
}

#[test]
fn the_health_check_finds_the_service_by_its_port() {
    let demo = Demo::start(&[]);
    let port = demo.address.rsplit_once(':').unwrap().1;
    assert!(command(&["healthcheck"]).env("PORT", port).status().unwrap().success());
}
