//! The engine's side of the truth: what `docker inspect` of one container means for the page.

use serde_json::Value;

use super::facts::{Expected, Facts, float};

const NANOSECONDS: f64 = 1e9;
/// What the engine uses where a health check does not say its interval.
const DEFAULT_INTERVAL_S: f64 = 30.0;
/// `CpuPeriod` where it is not given, in microseconds.
const DEFAULT_PERIOD: f64 = 100_000.0;

/// States of `spyhop_container_state`.
pub const STATES: [&str; 10] =
    ["created", "running", "paused", "restarting", "removing", "exited", "completed", "stopped", "dead", "unknown"];
/// States of `spyhop_container_health_state`.
pub const HEALTH: [&str; 5] = ["none", "starting", "healthy", "unhealthy", "unknown"];

/// One inspection.
#[derive(Debug)]
pub struct View<'a> {
    /// `docker inspect`.
    pub inspect: &'a Value,
    /// `Created` of `docker image inspect`.
    pub image_created: &'a str,
    /// Somebody ended its last run on purpose.
    pub stopped: bool,
}

impl View<'_> {
    /// Whether the kernel accounts for it now.
    pub fn has_processes(&self) -> bool {
        matches!(self.status(), "running" | "paused")
    }

    fn status(&self) -> &str {
        self.inspect["State"]["Status"].as_str().unwrap_or_default()
    }

    /// Its state in the words of `spyhop_container_state`.
    pub fn state(&self) -> &str {
        let policy = self.inspect["HostConfig"]["RestartPolicy"]["Name"].as_str().unwrap_or_default();
        let code = self.inspect["State"]["ExitCode"].as_i64();
        match self.status() {
            "exited" if self.stopped => "stopped",
            "exited" if code == Some(0) && matches!(policy, "" | "no") => "completed",
            status => status,
        }
    }

    /// Its health in the words of `spyhop_container_health_state`.
    pub fn health(&self) -> &str {
        match self.inspect["State"]["Health"]["Status"].as_str() {
            None | Some("none" | "") => "none",
            Some(status) => status,
        }
    }

    /// Name without its slash.
    pub fn name(&self) -> &str {
        self.inspect["Name"].as_str().unwrap_or_default().trim_start_matches('/')
    }

    /// A label of the container; empty when it has none of that name.
    pub fn label(&self, key: &str) -> &str {
        self.inspect["Config"]["Labels"][key].as_str().unwrap_or_default()
    }

    /// What the engine adds to the `container_*` families. Takes the kernel's count of OOM kills and cgroup v2's weight out of `kernel`.
    pub fn cadvisor(&self, kernel: &mut Facts) {
        let health = match self.health() {
            "none" => -1.0,
            "healthy" => 1.0,
            _ => 0.0,
        };
        kernel.set("container_health_state", &[], Some(health));
        let kills = kernel.take("oom_kill");
        kernel.set("container_oom_events_total", &[], kills.or(Some(0.0)));
        // Runtimes turn shares into a weight by formulas which differ, so that only what was asked for, or the default, can be told.
        if let Some(weight) = kernel.take("cpu.weight") {
            let asked = self.inspect["HostConfig"]["CpuShares"].as_f64().filter(|shares| *shares > 0.0);
            assert!(asked.is_some() || weight == 100.0, "a weight of {weight} that nobody asked for");
            kernel.set("container_spec_cpu_shares", &[], asked.or(Some(1024.0)));
        }
    }

    /// `spyhop_container_*`, as far as one inspection tells.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        self.identity(&mut facts);
        self.lifecycle(&mut facts);
        self.limits(&mut facts);
        self.ports(&mut facts);
        facts
    }

    fn identity(&self, facts: &mut Facts) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, image_id) = (text(&self.inspect["Id"]), text(&self.inspect["Image"]));
        let image = text(&self.inspect["Config"]["Image"]);
        let labels = [("id", id.as_str()), ("name", self.name()), ("image", &image), ("image_id", &image_id)];
        facts.set("spyhop_container_info", &labels, Some(1.0));
        for state in STATES {
            facts.set("spyhop_container_state", &[("state", state)], Some(flag(state == self.state())));
        }
        for state in HEALTH {
            facts.set("spyhop_container_health_state", &[("state", state)], Some(flag(state == self.health())));
        }
        facts.set("spyhop_container_image_created_timestamp_seconds", &[], seconds(self.image_created));
    }

    fn lifecycle(&self, facts: &mut Facts) {
        let state = &self.inspect["State"];
        let time = |value: &Value| value.as_str().and_then(seconds);
        facts.set("spyhop_container_created_timestamp_seconds", &[], time(&self.inspect["Created"]));
        facts.set("spyhop_container_started_timestamp_seconds", &[], time(&state["StartedAt"]));
        let finished = time(&state["FinishedAt"]);
        facts.set("spyhop_container_finished_timestamp_seconds", &[], finished);
        let ended = finished.is_some() && !self.has_processes();
        facts.set("spyhop_container_exit_code", &[], state["ExitCode"].as_f64().filter(|_| ended));
        facts.set("spyhop_container_oom_killed", &[], state["OOMKilled"].as_bool().map(flag));
        facts.count("spyhop_container_restarts_total", self.inspect["RestartCount"].as_u64());
        if self.health() != "none" {
            facts.count("spyhop_container_health_failing_streak", state["Health"]["FailingStreak"].as_u64());
            let interval = self.inspect["Config"]["Healthcheck"]["Interval"].as_f64().filter(|ns| *ns > 0.0);
            let interval = interval.map_or(DEFAULT_INTERVAL_S, |ns| ns / NANOSECONDS);
            facts.set("spyhop_container_health_check_interval_seconds", &[], Some(interval));
        }
    }

    fn limits(&self, facts: &mut Facts) {
        let host = &self.inspect["HostConfig"];
        let positive = |key: &str| host[key].as_f64().filter(|value| *value > 0.0);
        let period = positive("CpuPeriod").unwrap_or(DEFAULT_PERIOD);
        let cores = positive("NanoCpus").map(|n| n / NANOSECONDS).or_else(|| positive("CpuQuota").map(|q| q / period));
        let (memory, pids) = (positive("Memory"), positive("PidsLimit"));
        facts.set("spyhop_container_memory_limit_bytes", &[], memory);
        facts.set("spyhop_container_memory_reservation_bytes", &[], positive("MemoryReservation"));
        facts.set("spyhop_container_cpu_limit_cores", &[], cores);
        facts.set("spyhop_container_pids_limit", &[], pids);
        for (resource, limit) in [("memory", memory), ("cpu", cores), ("pids", pids)] {
            facts.set("spyhop_container_limit_present", &[("resource", resource)], Some(flag(limit.is_some())));
        }
    }

    fn ports(&self, facts: &mut Facts) {
        let ports = self.inspect["NetworkSettings"]["Ports"].as_object();
        for (inside, bindings) in ports.into_iter().flatten() {
            let (port, protocol) = inside.split_once('/').unwrap_or((inside, "tcp"));
            for binding in bindings.as_array().into_iter().flatten() {
                let text = |key: &str| binding[key].as_str().unwrap_or_default();
                let outside = [("host_ip", text("HostIp")), ("host_port", text("HostPort"))];
                let labels = [&[("port", port), ("protocol", protocol)][..], &outside].concat();
                facts.set("spyhop_container_published_port_info", &labels, Some(1.0));
            }
        }
    }

    /// `spyhop_container_limit_utilization_ratio`, from the limits and what the kernel says is in use.
    pub fn utilization(&self, kernel: &mut Facts, facts: &mut Facts) {
        let used = kernel.get("container_memory_working_set_bytes", &[]);
        let pids = kernel.take("pids.current");
        let limits =
            ["memory_limit_bytes", "pids_limit"].map(|name| facts.get(&format!("spyhop_container_{name}"), &[]));
        for ((resource, used), limit) in [("memory", used), ("pids", pids)].into_iter().zip(limits) {
            let ratio = used.zip(limit).map(|(used, limit)| used / limit);
            facts.set("spyhop_container_limit_utilization_ratio", &[("resource", resource)], ratio);
        }
    }

    /// Health-check results which the engine still keeps: start, duration, passed.
    pub fn results(&self) -> Vec<(f64, f64, bool)> {
        let log = self.inspect["State"]["Health"]["Log"].as_array();
        let read = |result: &Value| {
            let (start, end) = (seconds(result["Start"].as_str()?)?, seconds(result["End"].as_str()?)?);
            Some((start, end - start, result["ExitCode"].as_i64()? == 0))
        };
        log.into_iter().flatten().filter_map(read).collect()
    }
}

/// What no inspection can tell to the digit: times of the agent's own, and the CPU share of the last seconds.
pub fn own_times(view: &View<'_>, expected: &mut Expected, now: f64) {
    expected.between("spyhop_container_inspected_timestamp_seconds", &[], now - 3600.0, now);
    expected.between("spyhop_container_oom_kills_total", &[], 0.0, 0.0);
    if view.has_processes() {
        // The kernel lets a container run over its quota for the rest of a period, so a little more than all can be used.
        let labels = [("resource", "cpu")];
        expected.perhaps("spyhop_container_limit_utilization_ratio", &labels, 0.0, 1.5);
    }
}

/// Seconds since 1970; `None` for the year 1 by which the engine says "never".
pub fn seconds(text: &str) -> Option<f64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    let since = time.as_duration();
    (time.as_second() > 0)
        .then(|| float(since.as_secs().unsigned_abs()) + f64::from(since.subsec_nanos()) / NANOSECONDS)
}

/// Now, in seconds since 1970.
pub fn now() -> f64 {
    seconds(&jiff::Timestamp::now().to_string()).unwrap_or_default()
}

const fn flag(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}
