//! Generated log lines: how many, at which pace, in which form, on which stream.

mod support;

use std::time::{Duration, Instant};

use support::{Demo, command, json};

/// The generated lines of a service which writes 200 of them and is then ended. They may come before the one about listening.
fn two_hundred_lines(arguments: &[&str]) -> Vec<String> {
    let mut demo = Demo::start_unheard(arguments);
    let mut lines = Vec::new();
    while !lines.iter().any(|line: &String| line.contains(r#""seq":200"#)) {
        lines.push(demo.line());
    }
    demo.signal(rustix::process::Signal::TERM);
    demo.ended();
    lines.extend(demo.remaining_lines());
    lines.retain(|line| line.contains(r#""seq":"#));
    lines
}

#[test]
fn exactly_the_wanted_number_of_lines_in_order() {
    let lines = two_hundred_lines(&["--name", "shop", "--log-rate", "2000", "--log-lines", "200"]);
    let numbers: Vec<_> = lines.iter().map(|line| json(line)["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    let first = json(&lines[0]);
    assert_eq!(first["service"], "shop");
    assert_eq!(first["request_id"].as_str().unwrap().len(), 16);
    first["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn lines_say_where_they_are_from_and_whom_they_are_about() {
    let lines = two_hundred_lines(&[
        "--log-rate",
        "2000",
        "--log-lines",
        "200",
        "--environment",
        "production",
        "--log-personal",
    ]);
    let first = json(&lines[0]);
    assert_eq!(first["environment"], "production");
    assert_eq!((&first["email"], &first["vin"]), (&"ada@example.org".into(), &"1M8GDM9AXKP042788".into()));
    let quiet = two_hundred_lines(&["--log-rate", "2000", "--log-lines", "200"]);
    assert_eq!(json(&quiet[0]).get("vin").or(json(&quiet[0]).get("environment")), None);
}

#[test]
fn the_rate_is_kept() {
    let began = Instant::now();
    two_hundred_lines(&["--log-rate", "400", "--log-lines", "200"]);
    assert!(began.elapsed() >= Duration::from_millis(490), "200 lines at 400 a second in {:?}", began.elapsed());
}

#[test]
fn the_rate_is_turned_at_run_time() {
    let demo = Demo::start(&[]);
    demo.post("/control", r#"{"log_rate":100}"#);
    demo.line_with(r#""seq":5"#);
}

#[test]
fn plain_traces_are_several_lines_and_errors_take_the_other_stream() {
    let output = command(&["--port", "0", "--log-format", "plain", "--log-traces", "--log-split"])
        .args(["--log-rate", "1000", "--log-levels", "info=1,error=1", "--exit-after", "400ms"])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.lines().all(|line| line.contains(" INFO ")), "{out}");
    let errors = err.lines().filter(|line| line.contains(" ERROR ")).count();
    assert!(errors > 0, "{err}");
    assert_eq!(err.lines().filter(|line| line.starts_with("    at ")).count(), errors * 3);
}

#[test]
fn a_reader_who_stops_reading_stalls_nothing_but_the_logs() {
    let mut child = command(&["--address", "127.0.0.1", "--port", "0", "--log-rate", "100000"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The line with the address is read; the rest stays in the pipe until it is full.
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    }
    let address = json(&line)["address"].as_str().unwrap().to_owned();
    // More requests than the queue has room for their lines, answered all the same.
    let (keep, close) = ("GET /health HTTP/1.1\r\nhost: demo\r\n\r\n", "connection: close\r\n\r\n");
    let requests = keep.repeat(2000) + "GET /metrics HTTP/1.1\r\nhost: demo\r\n" + close;
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut sending, requests.as_bytes()));
    let mut answers = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answers).unwrap();
    sender.join().unwrap().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2001);
    let dropped = answers.lines().find_map(|line| line.strip_prefix("demo_log_lines_dropped_total ")).unwrap();
    assert!(dropped.parse::<u64>().unwrap() > 0, "{dropped}");
    child.kill().unwrap();
    child.wait().unwrap();
}
