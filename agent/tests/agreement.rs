//! One scrape of a hundred real containers agrees with the kernel's files and with `docker inspect`.
//!
//! Promised: every series of every container is one which the kernel or the engine accounts for, with their value; none is
//! missing and none is made up. The truth is read before and after the scrape by code of the tests' own; what did not
//! change in between (all of a frozen container) must be equal, what changed must lie between.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{
    agent::Home,
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    engine_view::{View, now, own_times},
    facts::{Expected, Facts},
    kernel::{self, Cgroup},
    page::{Page, Sample},
    scene::binary,
    wait::{eventually, holds},
};

/// How many, as in the figures of the README.
const CONTAINERS: usize = 100;

#[test]
fn every_value_of_a_hundred_containers_agrees() {
    let Some(docker) = Docker::or_skip(Turn::Alone) else { return };
    // Before the containers: that somebody has stopped one is known to those only who were there.
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let (recipes, mut fates) = mixture(&docker);
    if docker
        .product()
        .leaves_out(docker.product().is_podman_4(), "it announces a check before it has noted its result")
    {
        // What an inspection says then is older by one check, and the next is twelve seconds away.
        fates.iter_mut().filter(|fate| **fate == Fate::Sick).for_each(|fate| *fate = Fate::Left);
    }
    let fleet = docker.fleet(recipes);
    for (container, fate) in fleet.iter().zip(&fates) {
        fate.befall(container);
    }
    let owner = docker.container("network-owner").start();
    let guests: Vec<_> = (0..5)
        .map(|_| docker.container("guest").options(&["--network", &format!("container:{}", owner.id)]).start())
        .collect();
    let everybody: Vec<&Running> = fleet.iter().chain([&owner]).chain(&guests).collect();
    assert!(everybody.len() >= CONTAINERS, "{} containers", everybody.len());
    let stopped: Vec<&str> =
        fleet.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Stopped).map(|(c, _)| c.id.as_str()).collect();

    let host = docker.run(&["info", "--format", "{{.Name}}"]);
    let image_created = docker.run(&["image", "inspect", "--format", "{{.Created}}", docker.image()]);
    let look = || Look::take(&docker, &everybody, &stopped, &image_created);
    eventually("the agent knows what became of everybody", || known(&agent.scrape(), &look(), &fates, &host));
    let (looks, page, time) = eventually("a while without a health check", || {
        let before = look();
        let began = now();
        let page = agent.scrape();
        let time = (began, now());
        let looks = [before, look()];
        // Its processes come and go with their memory, which no number of looks would bracket.
        let quiet = looks[0].results() == looks[1].results();
        if quiet { Ok((looks, page, time)) } else { Err("one ran") }
    });

    let mut wrong = Vec::new();
    let mut series = 0;
    for (at, container) in everybody.iter().enumerate() {
        let judgement = judge(&page, &looks, at, &host, time);
        series += judgement.0;
        wrong.extend(judgement.1.into_iter().map(|reason| format!("{}: {reason}", container.name)));
    }
    println!("{series} series of {} containers compared", everybody.len());
    let shown = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} disagreements:\n{shown}", wrong.len());
    assert!(series > 50 * 95, "only {series} series were compared");
}

/// What happens to a container after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Left,
    Paused,
    Stopped,
    Sick,
    /// Ends by itself.
    Ends,
}

impl Fate {
    fn befall(self, container: &Running) {
        match self {
            Self::Left | Self::Ends => {}
            Self::Paused => drop(container.act(&["pause"])),
            Self::Stopped => drop(container.act(&["kill"])),
            Self::Sick => drop(container.exec("touch /sick")),
        }
    }
}

/// What makes a recipe one of its kind.
type Shape<'a> = &'a dyn Fn(Recipe) -> Recipe;

/// Containers of every kind there is, ninety-four in all; six more share a network.
fn mixture(docker: &Docker) -> (Vec<Recipe>, Vec<Fate>) {
    let traffic = "while :; do dd if=/dev/zero of=/data bs=4096 count=64 conv=fsync 2>/dev/null; sleep 0.2; done";
    let kinds: [(usize, Fate, Shape<'_>); 14] = [
        (20, Fate::Left, &|r| r.options(&["--memory", "64m", "--cpus", "0.5"])),
        (20, Fate::Paused, &|r| r.options(&["--memory", "64m", "--memory-reservation", "32m", "--pids-limit", "50"])),
        (10, Fate::Paused, &|r| r),
        (8, Fate::Left, &|r| r.options(&["--cpu-quota", "20000", "--cpu-period", "50000", "--cpu-shares", "512"])),
        (6, Fate::Left, &|r| r.options(&["--network", "host"])),
        (4, Fate::Left, &|r| r.options(&["--network", "none"])),
        (6, Fate::Left, &|r| r.health("12s")),
        (2, Fate::Sick, &|r| r.health("12s")),
        (2, Fate::Left, &|r| r.options(&["--cpus", "0.02"]).role(Role::Busy)),
        (4, Fate::Paused, &|r| r.options(&["--memory", "32m"]).role(Role::Script(traffic.into()))),
        (4, Fate::Left, &|r| r.options(&["--publish", "127.0.0.1::80", "--publish", "127.0.0.1::81/udp"])),
        (3, Fate::Stopped, &|r| r),
        (3, Fate::Ends, &|r| r.role(Role::ExitAfter(0.0, 0))),
        (2, Fate::Ends, &|r| r.role(Role::ExitAfter(0.0, 3))),
    ];
    let (mut recipes, mut fates) = (Vec::new(), Vec::new());
    for (count, fate, shape) in kinds {
        for _ in 0..count {
            let number = u32::try_from(recipes.len()).expect("a hundred at most");
            // Every second one belongs to a Compose project; the others are known by their names.
            let recipe = docker.container("agrees");
            let recipe = if number % 2 == 0 { recipe.compose("agreement", "mixed", number) } else { recipe };
            recipes.push(shape(recipe));
            fates.push(fate);
        }
    }
    (recipes, fates)
}

/// Whether health is decided, the short-lived have ended, and the agent has heard of both.
fn known(page: &Page, look: &Look, fates: &[Fate], host: &str) -> Result<(), String> {
    for at in 0..look.inspected.len() {
        let view = look.view(at);
        let (state, health) = (view.state(), view.health());
        let ends = fates.get(at) == Some(&Fate::Ends);
        holds(!(ends && view.has_processes()) && health != "starting", || {
            format!("{} is {state}, {health}", view.name())
        })?;
        for (name, wanted) in [("spyhop_container_state", state), ("spyhop_container_health_state", health)] {
            let said = page.state(name, &identity(&view, host), "state")?;
            holds(said == wanted, || format!("{} is {wanted}, the page says {said}", view.name()))?;
        }
    }
    Ok(())
}

/// The truth at one moment.
struct Look {
    inspected: Vec<Value>,
    kernel: Vec<Option<Facts>>,
    paths: Vec<Option<String>>,
    image_created: String,
    stopped: Vec<String>,
}

impl Look {
    fn take(docker: &Docker, everybody: &[&Running], stopped: &[&str], image_created: &str) -> Self {
        let ids: Vec<_> = everybody.iter().map(|container| container.id.as_str()).collect();
        let inspected = docker.inspect(&ids);
        let pid = |c: &Value| c["State"]["Pid"].as_u64().and_then(|p| u32::try_from(p).ok()).filter(|p| *p > 0);
        let kernel =
            inspected.iter().map(|c| pid(c).map(|pid| kernel::facts(pid, owns_network(c)).expect("kernel files")));
        let paths = inspected.iter().map(|c| pid(c).map(|pid| Cgroup::of(pid).expect("its cgroup").path));
        Self {
            kernel: kernel.collect(),
            paths: paths.collect(),
            image_created: image_created.to_owned(),
            stopped: stopped.iter().map(|id| (*id).to_owned()).collect(),
            inspected,
        }
    }

    /// Every health-check result there is.
    fn results(&self) -> Vec<(f64, f64, bool)> {
        (0..self.inspected.len()).flat_map(|at| self.view(at).results()).collect()
    }

    fn view(&self, at: usize) -> View<'_> {
        let inspect = &self.inspected[at];
        let stopped = self.stopped.iter().any(|id| inspect["Id"] == id.as_str());
        View { inspect, image_created: &self.image_created, stopped }
    }

    /// Facts under cAdvisor's names (of containers with processes) and under our own.
    fn facts(&self, at: usize) -> (Option<Facts>, Facts) {
        let view = self.view(at);
        let mut own = view.facts();
        let kernel = self.kernel[at].clone().map(|mut kernel| {
            view.utilization(&mut kernel, &mut own);
            view.cadvisor(&mut kernel);
            kernel
        });
        (kernel, own)
    }
}

fn owns_network(inspect: &Value) -> bool {
    let mode = inspect["HostConfig"]["NetworkMode"].as_str().unwrap_or_default();
    mode != "host" && !mode.starts_with("container:")
}

/// Number of series compared, and everything wrong with one container.
fn judge(page: &Page, looks: &[Look], at: usize, host: &str, scrape: (f64, f64)) -> (usize, Vec<String>) {
    let view = looks[0].view(at);
    let mine =
        |sample: &&Sample| sample.name.starts_with("spyhop_container_") && sample.matches(&identity(&view, host));
    let mine: Vec<&Sample> = page.samples.iter().filter(mine).collect();
    let (kernel, mut own): (Vec<_>, Vec<_>) = looks.iter().map(|look| look.facts(at)).unzip();
    own.iter_mut().zip(looks).for_each(|(own, look)| as_of_the_newest_result(own, &look.view(at), &mine));
    let kernel: Option<Vec<Facts>> = kernel.into_iter().collect();
    let mut wrong = Vec::new();

    let mut expected = Expected::default();
    if let Some(kernel) = kernel {
        expected.extend(Expected::of(&kernel));
        expected.between("container_last_seen", &[], scrape.0.floor(), scrape.1);
        for (name, key) in [("container_start_time_seconds", "started"), ("container_creation_time_seconds", "created")]
        {
            let time =
                own[0].get(&format!("spyhop_container_{key}_timestamp_seconds"), &[]).expect("it was made and started");
            // cAdvisor gives whole seconds here.
            expected.between(name, &[], time.floor(), time);
        }
    }
    let labels = cadvisor_labels(&view, looks[0].paths[at].as_deref().unwrap_or_default());
    let named = |sample: &&Sample| sample.name.starts_with("container_") && sample.label("name") == view.name();
    let compatible: Vec<&Sample> = page.samples.iter().filter(named).collect();
    for sample in &compatible {
        for (label, value) in &labels {
            if sample.label(label) != value {
                wrong.push(format!("{sample}: label {label} should be {value:?}"));
            }
        }
    }
    let common: Vec<&str> = labels.keys().map(String::as_str).collect();
    wrong.extend(expected.disagreements(compatible, &common));

    let mut ours = Expected::of(&own);
    own_times(&view, &mut ours, scrape.1);
    let (health, rest): (Vec<&Sample>, Vec<&Sample>) = mine.into_iter().partition(|s| is_result(s));
    wrong.extend(ours.disagreements(rest, &["host", "project", "service", "replica"]));
    wrong.extend(wrong_result(looks, at, &health));
    (expected.len() + ours.len() + health.len(), wrong)
}

fn cadvisor_labels(view: &View<'_>, path: &str) -> BTreeMap<String, String> {
    let image = view.inspect["Config"]["Image"].as_str().unwrap_or_default();
    let mut labels =
        BTreeMap::from([("id", path), ("name", view.name()), ("image", image)].map(|(k, v)| (k.into(), v.into())));
    for key in ["project", "service", "container-number"] {
        let key = format!("com.docker.compose.{key}");
        labels.insert(format!("container_label_{}", key.replace(['.', '-'], "_")), view.label(&key).to_owned());
    }
    labels
}

fn identity<'a>(view: &'a View<'_>, host: &'a str) -> [(&'a str, &'a str); 4] {
    let [project, service, number] =
        ["project", "service", "container-number"].map(|key| view.label(&format!("com.docker.compose.{key}")));
    let (service, replica) = if service.is_empty() { (view.name(), "1") } else { (service, number) };
    [("host", host), ("project", project), ("service", service), ("replica", replica)]
}

fn is_result(sample: &Sample) -> bool {
    const NAMES: [&str; 3] = ["duration_seconds", "success", "timestamp_seconds"];
    NAMES.iter().any(|name| sample.name == format!("spyhop_container_health_check_{name}"))
}

/// Takes the failing streak back to the newest result known to the agent: checks that fail on and on are not announced, and looked at once
/// an interval.
fn as_of_the_newest_result(own: &mut Facts, view: &View<'_>, samples: &[&Sample]) {
    const STREAK: &str = "spyhop_container_health_failing_streak";
    let newest = samples.iter().find(|sample| sample.name == "spyhop_container_health_check_timestamp_seconds");
    let Some((streak, newest)) = own.get(STREAK, &[]).zip(newest) else { return };
    let later = view.results().iter().filter(|(start, _, ok)| *start > newest.value + 1e-3 && !ok).count();
    own.set(STREAK, &[], Some(streak - u32::try_from(later).map_or(0.0, f64::from)));
}

/// The newest result known to the agent is one of those the engine kept around the scrape: which one is a matter of when it
/// looked last, but start, duration and success belong together.
fn wrong_result(looks: &[Look], at: usize, samples: &[&Sample]) -> Option<String> {
    let kept: Vec<_> = looks.iter().flat_map(|look| look.view(at).results()).collect();
    let value = |part: &str| samples.iter().find(|s| s.name.ends_with(part)).map(|s| s.value);
    let (Some(start), Some(duration), Some(success)) =
        (value("timestamp_seconds"), value("duration_seconds"), value("success"))
    else {
        let nothing = samples.is_empty() && kept.is_empty();
        return (!nothing).then(|| format!("{} of 3 series of the newest check, {} kept", samples.len(), kept.len()));
    };
    let close = |a: f64, b: f64| (a - b).abs() < 1e-3;
    let same = |(s, d, ok): &(f64, f64, bool)| close(*s, start) && close(*d, duration) && *ok == (success == 1.0);
    (!kept.iter().any(same)).then(|| format!("check at {start} ({duration} s, {success}) is none of {kept:?}"))
}
