//! A container as the fake engine describes it: a recorded answer, changed where a test asks for it.

use jiff::Timestamp;
use serde_json::{Value, json};

const NEVER: &str = "0001-01-01T00:00:00Z";

/// One container. The JSON is the truth; methods are short ways to say what tests say often.
#[derive(Clone, Debug)]
pub struct FakeContainer {
    pub inspect: Value,
}

impl FakeContainer {
    /// Created, never started, on the default network, no label, no limit, no health check.
    pub fn new(name: &str) -> Self {
        let mut fresh = Self::recorded("container-created").id(&id_of(name));
        fresh.inspect["Name"] = json!(format!("/{name}"));
        fresh.inspect["Created"] = json!(Timestamp::now().to_string());
        fresh.inspect["HostConfig"]["PortBindings"] = json!({});
        fresh.edit(|inspect| {
            if let Some(config) = inspect["Config"].as_object_mut() {
                config.remove("Healthcheck");
            }
        })
    }

    /// A recorded answer (API 1.41) as it stands, by the name of its file.
    pub fn recorded(file: &str) -> Self {
        let text = match file {
            "container-compose" => include_str!("../../fixtures/engine/1.41/container-compose.json"),
            "container-health" => include_str!("../../fixtures/engine/1.41/container-health.json"),
            "container-exited" => include_str!("../../fixtures/engine/1.41/container-exited.json"),
            "container-created" => include_str!("../../fixtures/engine/1.41/container-created.json"),
            "container-oom" => include_str!("../../fixtures/engine/1.41/container-oom.json"),
            "container-paused-host" => include_str!("../../fixtures/engine/1.41/container-paused-host.json"),
            "container-shared-network" => include_str!("../../fixtures/engine/1.41/container-shared-network.json"),
            other => panic!("no recorded answer {other}"),
        };
        Self { inspect: serde_json::from_str(text).expect("recorded answers are JSON") }
    }

    /// Any change to the answer.
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.inspect);
        self
    }

    fn set(self, section: &str, key: &str, value: Value) -> Self {
        self.edit(|inspect| inspect[section][key] = value)
    }

    fn state(self, changes: Value) -> Self {
        self.edit(|inspect| {
            for (key, value) in changes.as_object().expect("a table of fields") {
                inspect["State"][key] = value.clone();
            }
        })
    }

    /// Replaces the id that is otherwise derived from the name.
    pub fn id(self, id: &str) -> Self {
        self.edit(|inspect| inspect["Id"] = json!(id))
    }

    /// One label.
    pub fn label(self, key: &str, value: &str) -> Self {
        self.edit(|inspect| inspect["Config"]["Labels"][key] = json!(value))
    }

    /// The labels Compose sets.
    pub fn compose(self, project: &str, service: &str, number: u32) -> Self {
        self.label("com.docker.compose.project", project)
            .label("com.docker.compose.service", service)
            .label("com.docker.compose.container-number", &number.to_string())
            .label("com.docker.compose.oneoff", "False")
    }

    /// Image reference; its digest is made up from it.
    pub fn image(self, reference: &str) -> Self {
        self.edit(|inspect| inspect["Image"] = json!(format!("sha256:{}", id_of(reference)))).set(
            "Config",
            "Image",
            json!(reference),
        )
    }

    /// Running since now.
    pub fn running(self, pid: u32) -> Self {
        self.state(json!({
            "Status": "running", "Running": true, "Paused": false, "Restarting": false, "OOMKilled": false, "Pid": pid,
            "ExitCode": 0, "StartedAt": Timestamp::now().to_string(),
        }))
    }

    /// Its run has ended now; a container that never ran is taken to have started now as well.
    pub fn exited(self, code: i64) -> Self {
        let now = json!(Timestamp::now().to_string());
        let started = match self.inspect["State"]["StartedAt"].as_str() {
            Some(NEVER) | None => now.clone(),
            Some(time) => json!(time),
        };
        self.state(json!({
            "Status": "exited", "Running": false, "Paused": false, "Restarting": false, "Pid": 0, "ExitCode": code,
            "StartedAt": started, "FinishedAt": now,
        }))
    }

    /// Between two runs.
    pub fn restarting(self, code: i64) -> Self {
        self.exited(code).state(json!({ "Status": "restarting", "Running": true, "Restarting": true }))
    }

    /// Frozen; keeps its pid.
    pub fn paused(self) -> Self {
        self.state(json!({ "Status": "paused", "Paused": true }))
    }

    /// Frozen no more.
    pub fn unpaused(self) -> Self {
        self.state(json!({ "Status": "running", "Paused": false }))
    }

    /// Whether the last run ended for lack of memory.
    pub fn oom_killed(self, killed: bool) -> Self {
        self.set("State", "OOMKilled", json!(killed))
    }

    /// `State.StartedAt`.
    pub fn started_at(self, time: Timestamp) -> Self {
        self.set("State", "StartedAt", json!(time.to_string()))
    }

    /// `RestartCount`.
    pub fn restart_count(self, count: u64) -> Self {
        self.edit(|inspect| inspect["RestartCount"] = json!(count))
    }

    /// Status of its health check; a check with the engine's defaults is added when there is none.
    pub fn health(self, status: &str) -> Self {
        let with_check = match self.inspect["Config"]["Healthcheck"].is_object() {
            true => self,
            false => self.set("Config", "Healthcheck", json!({ "Test": ["CMD-SHELL", "test -e /ok"] })),
        };
        with_check.edit(|inspect| {
            if !inspect["State"]["Health"].is_object() {
                inspect["State"]["Health"] = json!({ "FailingStreak": 0, "Log": [] });
            }
            inspect["State"]["Health"]["Status"] = json!(status);
        })
    }

    /// `Config.Healthcheck.Interval`, in nanoseconds.
    pub fn health_interval(self, nanoseconds: i64) -> Self {
        self.edit(|inspect| inspect["Config"]["Healthcheck"]["Interval"] = json!(nanoseconds))
    }

    /// Adds a result to the health log, of which the engine keeps five, and moves the failing streak.
    pub fn health_result(self, start: Timestamp, end: Timestamp, exit_code: i64) -> Self {
        self.edit(|inspect| {
            let health = &mut inspect["State"]["Health"];
            let streak = health["FailingStreak"].as_u64().unwrap_or_default();
            health["FailingStreak"] = json!(if exit_code == 0 { 0 } else { streak + 1 });
            let log = health["Log"].as_array_mut().expect("call health() first");
            log.push(
                json!({ "Start": start.to_string(), "End": end.to_string(), "ExitCode": exit_code, "Output": "" }),
            );
            let surplus = log.len().saturating_sub(5);
            log.drain(..surplus);
        })
    }

    /// `HostConfig.Memory`, in bytes.
    pub fn memory(self, bytes: i64) -> Self {
        self.set("HostConfig", "Memory", json!(bytes))
    }

    /// `HostConfig.NanoCpus`, in cores.
    pub fn cpus(self, cores: f64) -> Self {
        self.set("HostConfig", "NanoCpus", json!((cores * 1e9) as i64))
    }

    /// `HostConfig.PidsLimit`.
    pub fn pids(self, limit: i64) -> Self {
        self.set("HostConfig", "PidsLimit", json!(limit))
    }

    /// `HostConfig.RestartPolicy`, by its name.
    pub fn restart_policy(self, name: &str) -> Self {
        self.set("HostConfig", "RestartPolicy", json!({ "Name": name, "MaximumRetryCount": 0 }))
    }

    /// Its lines stand in this file of the driver json-file, and in those it was rotated to, so many in all.
    pub fn logs_to(self, path: &str, max_files: u32) -> Self {
        let config = json!({ "Type": "json-file", "Config": { "max-file": max_files.to_string(), "max-size": "1m" } });
        self.edit(|inspect| inspect["LogPath"] = json!(path)).set("HostConfig", "LogConfig", config)
    }

    /// `HostConfig.NetworkMode` as given; `host`, `none` and `container:...` leave it on no network of its own.
    pub fn network_mode(self, mode: &str) -> Self {
        let own = !matches!(mode, "host" | "none") && !mode.starts_with("container:");
        let this = self.set("HostConfig", "NetworkMode", json!(mode));
        if own { this } else { this.set("NetworkSettings", "Networks", json!({})) }
    }

    /// One more network, with its address in it; the first one takes the place of the default bridge.
    pub fn network(self, name: &str, address: &str) -> Self {
        let id = id_of(name);
        let first = self.inspect["HostConfig"]["NetworkMode"] == "default";
        let this = if first { self.network_mode(name).set("NetworkSettings", "Networks", json!({})) } else { self };
        this.edit(|inspect| {
            inspect["NetworkSettings"]["Networks"][name] =
                json!({ "NetworkID": id, "IPAddress": address, "Aliases": [], "GlobalIPv6Address": "" });
        })
    }

    /// A port asked for and bound: `80/tcp`.
    pub fn port(self, container_port: &str, host_ip: &str, host_port: u16) -> Self {
        let bound = json!([{ "HostIp": host_ip, "HostPort": host_port.to_string() }]);
        self.edit(|inspect| {
            inspect["HostConfig"]["PortBindings"][container_port] = bound.clone();
            inspect["NetworkSettings"]["Ports"][container_port] = bound;
        })
    }

    /// The engine's name for it, without the slash.
    pub fn name(&self) -> &str {
        self.inspect["Name"].as_str().unwrap_or_default().trim_start_matches('/')
    }

    /// Its id.
    pub fn id_str(&self) -> &str {
        self.inspect["Id"].as_str().unwrap_or_default()
    }

    /// Its row of `GET /containers/json`.
    pub fn row(&self) -> Value {
        let (inspect, state) = (&self.inspect, &self.inspect["State"]);
        let created = inspect["Created"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        json!({
            "Id": inspect["Id"], "Names": [inspect["Name"]], "Image": inspect["Config"]["Image"], "ImageID": inspect["Image"],
            "Command": inspect["Path"], "Created": created.map(Timestamp::as_second), "Ports": [],
            "Labels": inspect["Config"]["Labels"], "State": state["Status"], "Status": "Up 3 seconds",
            "HostConfig": { "NetworkMode": inspect["HostConfig"]["NetworkMode"] },
            "NetworkSettings": { "Networks": inspect["NetworkSettings"]["Networks"] }, "Mounts": inspect["Mounts"],
        })
    }
}

/// 64 hexadecimal digits which depend on the name alone (FNV-1a, four times).
pub fn id_of(name: &str) -> String {
    let hash = |seed: u64| name.bytes().fold(seed, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (1..=4).map(|n| format!("{:016x}", hash(0xcbf2_9ce4_8422_2325_u64.wrapping_mul(2 * n + 1)))).collect()
}
