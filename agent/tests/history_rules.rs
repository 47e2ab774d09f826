//! The agent and the rules it renders say the same of objectives: one course of events, once as pictures of the inventory and records of
//! probes, once as the series that a scrape would have had of them, judged by the real promtool.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{ffi::OsString, fmt::Write as _, fs, process::Command, sync::Arc, time::Duration};

use spyhop::{
    config::{self, Environment, Flag, Sources},
    history::{Board, Moment, Objective},
    inventory::{EngineStatus, ServiceEntry, Snapshot},
    model::{Durations, ServiceCounters, ServiceKey},
    policy::Policy,
    probes::{Id, Record},
    render::{self, Options},
};

/// Seconds between two scrapes, and two evaluations.
const STEP: u64 = 15;
/// Three hours of it.
const STEPS: u64 = 3 * 3_600 / STEP;
/// When the wall clock begins: a full hour.
const T: u64 = 1_800_000_000_000;

const POLICY: &str = "\
projects:
  shop:
    services:
      api:
        probes:
          front: { http: 8000/, interval: 15s, max_duration: 100ms }
        objectives:
          availability: { availability: healthy, target: 90%, window: 1d, ticket: off }
          all: { availability: expected, target: 80%, window: 1d, page: off, ticket: off }
          answers: { probe: front, target: 90%, window: 1d, ticket: off }
          fast: { latency: front, target: 90%, window: 1d, ticket: off }
          health_checks: { target: 90%, window: 1d, ticket: off }
          start: { within: 30s, target: 50%, window: 1d, page: off, ticket: off }
";

/// What there is at a step.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    healthy: u64,
    running: u64,
    stopped: u64,
    attempts: u64,
    failures: u64,
    slow: u64,
    passed: u64,
    failed: u64,
    timed_out: u64,
    starts: u64,
    late: u64,
}

/// A replica of two sick for ten minutes, both for six; both stopped by a person for twenty; the probe fails and is slow now and then.
fn course() -> Vec<Course> {
    let mut all = Vec::new();
    let mut now = Course::default();
    for step in 0..=STEPS {
        let minute = step * STEP / 60;
        now.healthy = match minute {
            40..50 => 1,
            100..106 | 130..150 => 0,
            _ => 2,
        };
        now.stopped = if (130..150).contains(&minute) { 2 } else { 0 };
        now.running = 2 - now.stopped;
        now.attempts += 1;
        now.failures += u64::from((100..106).contains(&minute) || step % 50 == 0);
        now.slow += u64::from(step % 20 == 0 && step % 50 != 0 && !(100..106).contains(&minute));
        now.passed += u64::from(!(100..106).contains(&minute));
        now.failed += u64::from((100..104).contains(&minute));
        now.timed_out += u64::from((104..106).contains(&minute));
        now.starts += u64::from(step % 4 == 0);
        now.late += u64::from(step % 16 == 0);
        all.push(now);
    }
    all
}

/// The picture and the records of a step.
fn seen(now: &Course) -> (Snapshot, Vec<Arc<Record>>) {
    let mut startup = Durations::default();
    (0..now.starts - now.late).for_each(|_| startup.observe(Duration::from_secs(10)));
    (0..now.late).for_each(|_| startup.observe(Duration::from_secs(45)));
    let entry = ServiceEntry {
        key: ServiceKey { project: "shop".into(), service: "api".into() },
        counters: ServiceCounters {
            health_passed: now.passed,
            health_failed: now.failed,
            health_timed_out: now.timed_out,
            startup,
            ..ServiceCounters::default()
        },
        expected: 2,
        running: now.running,
        healthy: now.healthy,
        stopped: now.stopped,
        checked: true,
        ..ServiceEntry::default()
    };
    let engine =
        EngineStatus { connected: true, ready_since: Some(jiff::Timestamp::UNIX_EPOCH), ..EngineStatus::default() };
    let id = Id { project: "shop".into(), service: "api".into(), replica: "1".into(), probe: "front".into() };
    let mut record = Record::new(id, Duration::from_secs(STEP));
    (record.attempts, record.failures, record.slow) = (now.attempts, now.failures, now.slow);
    (Snapshot { services: vec![Arc::new(entry)], engine, ..Snapshot::default() }, vec![Arc::new(record)])
}

/// The objectives as the agent has them in the end.
fn by_the_agent(policy: &Arc<Policy>) -> Vec<Objective> {
    let board = Board::default();
    let mut now = Moment { wall_ms: T, elapsed: Duration::ZERO };
    for (step, course) in (0_u64..).zip(course()) {
        now = Moment { wall_ms: T + step * STEP * 1_000, elapsed: Duration::from_secs(step * STEP) };
        let (snapshot, records) = seen(&course);
        board.count(policy, &snapshot, || records, now);
    }
    board.objectives_at(now)
}

/// A word of a series, and what it counts.
type Counter = (&'static str, fn(&Course) -> u64);

/// The series of the course, as promtool takes them.
fn series() -> String {
    let mut text = String::new();
    let mut write = |name: &str, labels: &str, read: &dyn Fn(&Course) -> u64| {
        let values: Vec<String> = course().iter().map(|now| read(now).to_string()).collect();
        let labels = format!("host=\"h\",project=\"shop\",service=\"api\"{labels}");
        writeln!(text, "      - {{series: '{name}{{{labels}}}', values: '{}'}}", values.join(" ")).unwrap();
    };
    write("spyhop_service_replicas_expected", "", &|_| 2);
    write("spyhop_service_replicas", ",state=\"healthy\"", &|now| now.healthy);
    write("spyhop_service_replicas", ",state=\"running\"", &|now| now.running);
    write("spyhop_service_replicas", ",state=\"stopped\"", &|now| now.stopped);
    let probes: [Counter; 3] =
        [("attempts", |now| now.attempts), ("failures", |now| now.failures), ("slow", |now| now.slow)];
    for (name, read) in probes {
        write(&format!("spyhop_probe_{name}_total"), ",replica=\"1\",probe=\"front\",kind=\"http\"", &read);
    }
    let checks: [Counter; 3] =
        [("passed", |now| now.passed), ("failed", |now| now.failed), ("timed_out", |now| now.timed_out)];
    for (result, read) in checks {
        write("spyhop_service_health_checks_total", &format!(",result=\"{result}\""), &read);
    }
    let start = "spyhop_service_startup_duration_seconds";
    write(&format!("{start}_count"), "", &|now| now.starts);
    write(&format!("{start}_bucket"), ",le=\"30.0\"", &|now| now.starts - now.late);
    write(&format!("{start}_bucket"), ",le=\"+Inf\"", &|now| now.starts);
    text
}

/// What promtool is to find: each figure of the agent, as near to the rule's as the two ways of counting can come.
fn tests(objectives: &[Objective]) -> String {
    let mut text = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: {STEP}s\n    input_series:\n{}    promql_expr_test:\n",
        series()
    );
    for one in objectives {
        let (slo, budget) = (&one.name, one.target.budget().value());
        let near = |rule: String, agent: f64, by: f64| {
            format!(
                "      - {{expr: 'abs({rule} - {agent}) <= bool {by}', eval_time: {}s, exp_samples: [{{labels: '{{slo=\"{slo}\",host=\"h\",project=\"shop\",service=\"api\"}}', value: 1}}]}}\n",
                STEPS * STEP
            )
        };
        // Half a percent of what happened, which the budget makes larger.
        let by = 0.005 / budget;
        text += &near(format!("spyhop:slo_budget_remaining:ratio{{slo=\"{slo}\"}}"), one.left.unwrap(), by);
        text += &near(format!("spyhop:slo_errors:ratio1h{{slo=\"{slo}\"}} / {budget}"), one.burn_1h.unwrap(), 4.0 * by);
    }
    text
}

#[test]
fn the_agent_and_the_rules_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yml");
    fs::write(&file, POLICY).unwrap();
    let flag = Flag { name: "--set".into(), key: "policy.file".into(), value: file.display().to_string() };
    let sources = Sources { file: None, environment: Environment::default(), flags: vec![flag] };
    let policy = config::load(&sources).unwrap_or_else(|report| panic!("{report}")).policy;

    let objectives = by_the_agent(&policy);
    let left: Vec<(&str, f64)> = objectives.iter().map(|one| (&*one.name, one.left.unwrap())).collect();
    assert_eq!(left.len(), 6, "{left:?}");
    // By hand: of 160 minutes in which it was wanted, 6 without anybody and 16 without both.
    assert!((left[0].1 - (1.0 - 6.0 / 160.0 / 0.1)).abs() < 0.001, "{left:?}");
    assert!((left[1].1 - (1.0 - 16.0 / 160.0 / 0.2)).abs() < 0.001, "{left:?}");

    let program = std::env::var_os("SPYHOP_PROMTOOL").unwrap_or_else(|| OsString::from("promtool"));
    if Command::new(&program).arg("--version").output().is_err() {
        assert!(std::env::var_os("SPYHOP_REQUIRE_ENGINE").is_none(), "promtool is required here and was not found");
        println!("skipped: promtool is not installed (compose/lab/prometheus.sh installs it)");
        return;
    }
    let rules = render::alerts(&policy, &Options::default());
    let rules = rules.iter().find(|file| file.name == "objectives.yml").unwrap();
    fs::write(folder.path().join("rules.yml"), &rules.text).unwrap();
    let path = folder.path().join("tests.yml");
    fs::write(&path, tests(&objectives)).unwrap();
    let output = Command::new(&program).args(["test", "rules"]).arg(&path).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{objectives:#?}\n{}", String::from_utf8_lossy(&said));
}
