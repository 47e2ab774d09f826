//! Requests, metrics, neighbours, appetite: what the service does while it lives.

mod support;

use support::{Demo, eventually, json};

#[test]
fn requests_are_counted_by_method_route_and_status() {
    let demo = Demo::start(&["--error-rate", "1"]);
    assert_eq!(demo.get("/").status, 500);
    demo.post("/control", r#"{"error_rate":0}"#);
    assert_eq!(demo.get("/").status, 200);
    assert_eq!(demo.get("/nowhere/17").status, 404);
    assert_eq!(demo.post("/", "").status, 405);

    let page = demo.get("/metrics");
    assert!(page.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{}", page.head);
    for line in [
        r#"http_requests_total{method="GET",route="/",status_code="500"} 1"#,
        r#"http_requests_total{method="GET",route="/",status_code="200"} 1"#,
        r#"http_requests_total{method="GET",route="other",status_code="404"} 1"#,
        r#"http_requests_total{method="POST",route="/",status_code="405"} 1"#,
        r#"http_request_duration_seconds_bucket{le="5.0",method="GET",route="/",status_code="200"} 1"#,
    ] {
        assert!(page.body.lines().any(|found| found == line), "{line} is not in\n{}", page.body);
    }
}

#[test]
fn good_answers_come_to_events_and_use_up_the_stock() {
    let demo = Demo::start(&["--event", "order_placed", "--stock", "3"]);
    let stands = |events: u32, stock: u32| {
        let page = demo.get("/metrics").body;
        for line in [
            format!(r#"demo_events_total{{event="order_placed"}} {events}"#),
            format!(r#"demo_stock_items{{item="goods"}} {stock}"#),
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
    };
    for (answers, stock) in [(1, 2), (2, 1), (3, 0), (4, 2)] {
        demo.get("/api/orders");
        stands(answers, stock);
    }
    demo.post("/control", r#"{"error_rate":1}"#);
    demo.get("/api/orders");
    stands(4, 2);
    let quiet = Demo::start(&[]);
    quiet.get("/");
    let page = quiet.get("/metrics").body;
    assert!(!page.contains("demo_events_total{") && !page.contains("demo_stock_items{"), "{page}");
}

#[test]
fn latency_is_part_of_the_histogram() {
    let demo = Demo::start(&["--latency", "150ms"]);
    demo.get("/");
    let page = demo.get("/metrics").body;
    assert!(page.contains(r#"bucket{le="0.1",method="GET",route="/",status_code="200"} 0"#), "{page}");
    assert!(page.contains(r#"bucket{le="0.5",method="GET",route="/",status_code="200"} 1"#), "{page}");
}

#[test]
fn a_request_id_comes_back_and_is_logged() {
    let demo = Demo::start(&[]);
    let answer = demo.ask("GET / HTTP/1.1\r\nhost: demo\r\nx-request-id: abc-123\r\nconnection: close\r\n\r\n");
    assert!(answer.head.contains("x-request-id: abc-123"), "{}", answer.head);
    assert_eq!(json(&answer.body)["request_id"], "abc-123");
    assert_eq!(json(&demo.line_with("request served"))["request_id"], "abc-123");
}

#[test]
fn a_bad_change_is_refused_whole() {
    let demo = Demo::start(&[]);
    let before = demo.get("/control").body;
    let refused = demo.post("/control", r#"{"error_rate":0.5,"health":"broken"}"#);
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("set health"), "{}", refused.body);
    assert_eq!(demo.get("/control").body, before);
    assert_eq!(demo.post("/control", &" ".repeat(16 * 1024 + 1)).status, 413);
}

#[test]
fn neighbours_are_called_and_their_failures_told_apart() {
    let neighbour = Demo::start(&["--error-rate", "1"]);
    let (fine, failing, nobody) = (
        format!("http://{}/health", neighbour.address),
        format!("http://{}/", neighbour.address),
        "http://127.0.0.1:1/",
    );
    let demo = Demo::start(&["--call", &format!("{fine},{failing},{nobody}"), "--call-every", "50ms"]);
    let peer = &neighbour.address;
    for line in [
        format!(r#"demo_calls_total{{peer="{peer}",result="ok"}}"#),
        format!(r#"demo_calls_total{{peer="{peer}",result="refused"}}"#),
        r#"demo_calls_total{peer="127.0.0.1:1",result="unreachable"}"#.to_owned(),
        format!(r#"demo_call_duration_seconds_count{{peer="{peer}"}}"#),
    ] {
        eventually(&line, || demo.get("/metrics").body.contains(&line));
    }
    let logged = json(&demo.line_with("127.0.0.1:1"));
    assert_eq!((&logged["level"], &logged["result"]), (&"warn".into(), &"unreachable".into()));
}

#[test]
fn a_hanging_neighbour_is_given_up() {
    let neighbour = Demo::start(&["--live", "hang"]);
    let url = format!("http://{}/health/live", neighbour.address);
    let demo = Demo::start(&["--call", &url, "--call-timeout", "50ms", "--call-every", "50ms"]);
    eventually("timed out", || demo.get("/metrics").body.contains(r#"result="timed_out""#));
}

#[test]
fn memory_is_really_held_and_given_back() {
    let demo = Demo::start(&["--memory-mib", "64"]);
    eventually("64 MiB resident", || demo.status_kib("VmRSS") > 64 * 1024);
    demo.post("/control", r#"{"memory_mib":0}"#);
    eventually("given back", || demo.status_kib("VmRSS") < 32 * 1024);
}

#[test]
fn growth_stops_at_the_ceiling() {
    let demo = Demo::start(&["--memory-growth-mib", "64", "--memory-max-mib", "48"]);
    eventually("48 MiB resident", || demo.status_kib("VmRSS") > 48 * 1024);
    assert!(demo.status_kib("VmHWM") < 64 * 1024);
}

#[test]
fn cpu_is_burnt_only_while_wanted() {
    let demo = Demo::start(&["--cpu", "0.5"]);
    eventually("a fifth of a second burnt", || demo.cpu_ticks() >= 20);
    demo.post("/control", r#"{"cpu":0}"#);
    eventually("the burning thread is gone", || !threads(&demo).contains(&"burner".to_owned()));
}

fn threads(demo: &Demo) -> Vec<String> {
    // A thread may end between being listed and being read.
    std::fs::read_dir(format!("/proc/{}/task", demo.pid()))
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}
