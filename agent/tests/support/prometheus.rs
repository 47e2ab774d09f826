//! A real Prometheus that scrapes the agent every second, and what it has to say about that.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    docker::skip,
    process,
    wait::{eventually, patience},
    wire,
};

/// One installed Prometheus with its promtool.
#[derive(Clone, Debug)]
pub struct Release {
    /// Version as the program prints it.
    pub version: String,
    prometheus: PathBuf,
    promtool: PathBuf,
}

impl Release {
    /// The newest of a major version: `SPYHOP_PROMETHEUS_<major>` and `SPYHOP_PROMTOOL_<major>`, else the one which the
    /// lab's scripts keep in the cache folder, else the one on the path if its version fits.
    pub fn find(major: u32) -> Result<Self, String> {
        let named = |tool: &str| std::env::var_os(format!("SPYHOP_{}_{major}", tool.to_uppercase())).map(PathBuf::from);
        let place = |tool: &str| {
            let cached = cache().map(|cache| cache.join(format!("bin/{tool}-{major}"))).filter(|path| path.exists());
            named(tool).or(cached).unwrap_or_else(|| PathBuf::from(tool))
        };
        let (prometheus, promtool) = (place("prometheus"), place("promtool"));
        for program in [&prometheus, &promtool] {
            let version = version(program)?;
            if !version.starts_with(&format!("{major}.")) {
                return Err(format!("{} is {version}, wanted {major}.x", program.display()));
            }
        }
        Ok(Self { version: version(&prometheus)?, prometheus, promtool })
    }

    /// Both lines the agent is tested with; a missing one is told, and fails the test where everything is required.
    pub fn both() -> Vec<Self> {
        let found = |major| Self::find(major).map_or_else(|e| skip(&format!("Prometheus {major}"), &e), Some);
        [2, 3].into_iter().filter_map(found).collect()
    }

    /// The findings of `promtool check metrics`, one a line.
    pub fn check_metrics(&self, page: &str) -> Vec<String> {
        self.promtool(&["check", "metrics"], page).lines().map(str::to_owned).collect()
    }

    fn promtool(&self, arguments: &[&str], input: &str) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let page = folder.path().join("page");
        fs::write(&page, input).expect("a temporary file");
        let stdin = File::open(&page).expect("the file just written");
        let output = Command::new(&self.promtool).args(arguments).stdin(stdin).output().expect("promtool runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        format!("{}\n{}", text(&output.stdout), text(&output.stderr)).trim().to_owned()
    }

    /// Starts it with one job that scrapes `target` every second.
    #[track_caller]
    pub fn start(&self, job: &str, target: SocketAddr) -> Prometheus {
        self.start_with(&format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: {job}\n    static_configs:\n      - targets: ['{target}']\n"
        ))
    }

    /// Starts it with a whole configuration.
    #[track_caller]
    pub fn start_with(&self, config: &str) -> Prometheus {
        self.start_featured(config, &[])
    }

    /// The same with features that are off by default.
    #[track_caller]
    pub fn start_featured(&self, config: &str, features: &[&str]) -> Prometheus {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("the configuration");
        let log = folder.path().join("log");
        let output = File::create(&log).expect("the log");
        let child = Command::new(&self.prometheus)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json", "--log.level=info"])
            .args(features.iter().map(|feature| format!("--enable-feature={feature}")))
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of the log"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", self.prometheus.display()));
        let mut server = Prometheus { child, log, _folder: folder, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        server.address = eventually("Prometheus opens its port", || {
            process::listening(server.child.id()).ok_or_else(|| format!("no listening socket:\n{}", server.log()))
        });
        eventually("Prometheus is ready", || match server.get("/-/ready") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        server
    }
}

/// A running Prometheus; killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Prometheus {
    fn get(&self, path: &str) -> std::io::Result<wire::Answer> {
        wire::get(self.address, path, &[], patience())
    }

    /// `data` of an API answer, or the error it gives.
    pub fn api(&self, path: &str) -> Result<Value, String> {
        let answer = self.get(path).map_err(|error| format!("{path}: {error}"))?;
        let mut body: Value = serde_json::from_slice(&answer.body).map_err(|error| format!("{path}: {error}"))?;
        if body["status"] == "success" { Ok(body["data"].take()) } else { Err(format!("{path}: {body}")) }
    }

    /// An instant query.
    pub fn query(&self, expression: &str) -> Result<Outcome, String> {
        let data = self.api(&format!("/api/v1/query?query={}", wire::encode(expression)))?;
        Outcome::read(&data).ok_or_else(|| format!("{expression}: unexpected answer {data}"))
    }

    /// The only element's value.
    pub fn number(&self, expression: &str) -> Result<f64, String> {
        match self.query(expression)?.elements.as_slice() {
            [(_, value)] => Ok(*value),
            other => Err(format!("{expression} gives {} elements", other.len())),
        }
    }

    /// The one active target as `/api/v1/targets` describes it.
    pub fn target(&self) -> Result<Value, String> {
        let mut targets = self.api("/api/v1/targets?state=active")?;
        let list = targets["activeTargets"].as_array_mut().ok_or("no list of targets")?;
        if list.len() == 1 { Ok(list.swap_remove(0)) } else { Err(format!("{} targets", list.len())) }
    }

    /// The active targets of a job by one of their labels, each as `/api/v1/targets` describes it.
    pub fn targets(&self, job: &str, label: &str) -> Result<BTreeMap<String, Value>, String> {
        let targets = self.api("/api/v1/targets?state=active")?;
        let list = targets["activeTargets"].as_array().ok_or("no list of targets")?;
        let of_job = list.iter().filter(|target| target["labels"]["job"] == job);
        let named = |target: &Value| (target["labels"][label].as_str().unwrap_or_default().to_owned(), target.clone());
        Ok(of_job.map(named).collect())
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Lines it has logged at level warning or above.
    pub fn complaints(&self) -> Vec<String> {
        let bad = |line: &&str| {
            let level =
                serde_json::from_str::<Value>(line).ok().and_then(|v| v["level"].as_str().map(str::to_lowercase));
            // A line that is no JSON is a crash.
            level.is_none_or(|level| level == "warn" || level == "error")
        };
        self.log().lines().filter(bad).map(str::to_owned).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `vector` or `scalar`.
    pub kind: String,
    /// Labels (name included as `__name__`) and value of each element; a scalar is one without labels.
    pub elements: Vec<(super::page::Labels, f64)>,
}

impl Outcome {
    fn read(data: &Value) -> Option<Self> {
        let kind = data["resultType"].as_str()?.to_owned();
        let value = |pair: &Value| pair.get(1)?.as_str()?.parse().ok();
        let result = &data["result"];
        let elements = if kind == "scalar" {
            vec![(super::page::Labels::new(), value(result)?)]
        } else {
            let rows = result.as_array()?.iter();
            rows.map(|row| Some((serde_json::from_value(row["metric"].clone()).ok()?, value(&row["value"])?)))
                .collect::<Option<_>>()?
        };
        Some(Self { kind, elements })
    }
}

/// The folder which the lab's scripts keep programs in.
pub fn cache() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("SPYHOP_CACHE").or_else(|| {
        let base = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
        Some(base.join("spyhop"))
    })
}

fn version(program: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| format!("run {}: {error}", program.display()))?;
    // Older ones print it on standard error.
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let word = text.split_once("version ").and_then(|(_, rest)| rest.split([' ', ',']).next());
    word.map(str::to_owned).ok_or_else(|| format!("{} does not tell its version", program.display()))
}
