//! The harness itself: a judge who misreads would acquit everybody.
//!
//! Promised: the page reader refuses what the formats refuse, the socket proxy has the moods it claims, both Prometheus lines
//! are really asked, and the second engine can be killed without harm to the first.

#![expect(clippy::unwrap_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use support::{
    docker::{Docker, Turn},
    page::Page,
    private_engine::PrivateEngine,
    prometheus::Release,
    proxy::{Mood, Proxy},
    wait::{eventually, holds},
};

#[test]
fn the_page_reader_understands_both_formats() {
    let text = "# HELP a_total Counts \\\\ things.\n# TYPE a_total counter\na_total{x=\"1\\n\\\"2\\\\\",y=\"}\"} 3\na_total 4.5e3\n";
    let page = Page::text(text).unwrap();
    assert_eq!(page.value("a_total", &[("x", "1\n\"2\\")]), Some(3.0));
    assert_eq!(page.value("a_total", &[("x", "")]), Some(4500.0));
    assert_eq!(page.families["a_total"].help, "Counts \\ things.");
    let openmetrics = "# HELP a_seconds A.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 3\n\
                       # TYPE b info\n# HELP b B.\nb_info{v=\"1\"} 1\n# EOF\n";
    let page = Page::openmetrics(openmetrics).unwrap();
    assert_eq!(page.value("a_seconds_total", &[]), Some(3.0));
    assert_eq!(page.families["a_seconds"].unit.as_deref(), Some("seconds"));
}

#[test]
fn the_page_reader_refuses_what_the_text_format_refuses() {
    let header = "# HELP a A.\n# TYPE a gauge\n";
    for (body, reason) in [
        ("a 1\n", "before any header"),
        ("# TYPE a gauge\na 1\n", "no HELP"),
        ("# HELP a A.\na 1\n", "no TYPE"),
        ("# HELP a A.\n# TYPE a meter\na 1\n", "no type"),
        (&format!("{header}a 1"), "line feed"),
        (&format!("{header}a 1\na 2\n"), "twice"),
        (&format!("{header}a{{x=\"1\",y=\"2\"}} 1\na{{y=\"2\",x=\"1\"}} 1\n"), "twice"),
        (&format!("{header}a{{x=\"1\",x=\"2\"}} 1\n"), "twice"),
        (&format!("{header}a 1 1700000000000\n"), "no number"),
        (&format!("{header}a 0x1\n"), "no number"),
        (&format!("{header}a inf\n"), "no number"),
        (&format!("{header}a  1\n"), "no number"),
        (&format!("{header}b 1\n"), "not a sample"),
        (&format!("{header}a_sum 1\n"), "no sample"),
        (&format!("{header}a{{}} 1\n"), "empty braces"),
        (&format!("{header}a{{x-y=\"1\"}} 1\n"), "no label name"),
        (&format!("{header}a{{x=\"1\\t\"}} 1\n"), "escape"),
        (&format!("{header}a{{x=\"1\" 1\n"), "neither"),
        (&format!("{header}\na 1\n"), "neither header nor sample"),
        (&format!("{header}a 1\n# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a A.\n"), "comes twice"),
        (&format!("{header}a 1\n# HELP a A.\n"), "after samples"),
        ("# HELP a A.\n# TYPE a counter\na -1\n", "cannot be -1"),
    ] {
        let found = Page::text(body).err().unwrap_or_default();
        assert!(found.contains(reason), "wanted {reason:?}, got {found:?} for\n{body}");
    }
}

#[test]
fn the_page_reader_refuses_what_openmetrics_refuses() {
    for (body, reason) in [
        ("# HELP a A.\n# TYPE a gauge\na 1\n", "# EOF"),
        ("# HELP a A.\n# TYPE a gauge\na 1\n# EOF", "# EOF"),
        ("# HELP a A.\n# TYPE a gauge\na 1\n# EOF\n\n", "# EOF"),
        ("# HELP a A.\n# TYPE a gauge\na 1\n\n# EOF\n", "neither"),
        ("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n# EOF\n", "no sample"),
        ("# HELP a A.\n# TYPE a counter\na 1\n# EOF\n", "no sample"),
        ("# HELP a A.\n# TYPE a untyped\na 1\n# EOF\n", "no type"),
        ("# HELP a A.\n# TYPE a info\na_info 2\n# EOF\n", "info metric is 1"),
        ("# HELP a A.\n# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n", "UNIT"),
        ("# a comment\n# EOF\n", "comments"),
    ] {
        let found = Page::openmetrics(body).err().unwrap_or_default();
        assert!(found.contains(reason), "wanted {reason:?}, got {found:?} for\n{body}");
    }
}

#[test]
fn containers_are_made_and_removed() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let container = docker.container("made").compose("shop", "web", 1).start();
    let seen = container.inspect();
    assert_eq!(seen["State"]["Status"], "running");
    assert_eq!(seen["Config"]["Labels"]["com.docker.compose.service"], "web");
    assert!(Path::new("/proc").join(container.pid().to_string()).exists());
    let id = container.id.clone();
    container.remove();
    assert!(docker.cli(&["container", "inspect", &id]).is_err(), "it is gone");
}

#[test]
fn the_proxy_passes_freezes_and_vanishes() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let proxy = Proxy::new(docker.socket());
    let ping = |limit| {
        let stream = std::os::unix::net::UnixStream::connect(proxy.socket()).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(limit)).map_err(|e| e.to_string())?;
        (&stream)
            .write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            .map_err(|e| e.to_string())?;
        let mut answer = String::new();
        (&stream).read_to_string(&mut answer).map_err(|e| e.to_string())?;
        holds(answer.ends_with("OK"), || answer.clone())
    };
    let long = Duration::from_secs(5);
    assert_eq!(ping(long), Ok(()));
    proxy.mood(Mood::Frozen);
    assert!(ping(Duration::from_millis(200)).is_err(), "a frozen engine accepts and says nothing");
    proxy.mood(Mood::Slow(Duration::from_millis(100)));
    let start = Instant::now();
    assert_eq!(ping(long), Ok(()));
    assert!(start.elapsed() >= Duration::from_millis(200), "question and answer are late");
    proxy.mood(Mood::Well);
    proxy.vanish();
    assert!(ping(long).is_err(), "nobody there");
    proxy.appear();
    assert_eq!(ping(long), Ok(()));
    assert_eq!(proxy.accepted(), 4);
}

#[test]
fn both_prometheus_lines_scrape_and_answer() {
    let target = exposition("# HELP answer A.\n# TYPE answer gauge\nanswer{name=\"x\"} 42\n");
    for release in Release::both() {
        let server = release.start("cadvisor", target);
        eventually("the target is up", || match server.number("up{job=\"cadvisor\"}") {
            Ok(1.0) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert_eq!(server.number("sum(answer) by (name)"), Ok(42.0));
        assert_eq!(server.query("scalar(answer)").unwrap().kind, "scalar");
        assert_eq!(server.target().unwrap()["lastError"], "");
        assert_eq!(server.complaints(), [""; 0], "{}", release.version);
        assert_ne!(release.check_metrics("# TYPE a_total gauge\na_total 1\n"), [""; 0]);
        assert_eq!(release.check_metrics("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"), [""; 0]);
    }
}

#[test]
fn both_prometheus_lines_complain_of_a_bad_page() {
    let target = exposition("# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\nb 1 1000\n");
    for release in Release::both() {
        let server = release.start("x", target);
        eventually("it complains", || holds(!server.complaints().is_empty(), || server.log()));
    }
}

#[test]
fn a_second_engine_can_be_killed() {
    let Some(docker) = Docker::or_skip(Turn::Alone) else { return };
    for live_restore in [false, true] {
        let Some(mut engine) = PrivateEngine::or_skip(live_restore) else { return };
        let second = engine.docker(&docker);
        let container = second.container("lives").options(&["--restart", "always"]).start();
        let first_run = container.pid();
        engine.kill();
        assert!(Path::new("/proc").join(first_run.to_string()).exists(), "containers outlive a killed daemon");
        engine.start();
        let pid = eventually("the container runs", || match container.pid() {
            0 => Err("no pid"),
            pid => Ok(pid),
        });
        assert_eq!(pid == first_run, live_restore, "only with live-restore does the run go on");
        assert!(docker.cli(&["network", "inspect", "bridge"]).is_ok());
        assert!(Path::new("/sys/class/net/docker0").exists(), "the first engine keeps its bridge");
    }
}

/// A server that answers every request with one page; it ends with the process.
fn exposition(page: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len()).ok();
            }
        }
    });
    address
}
