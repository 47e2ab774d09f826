//! Faults of services and containers, and what happens to services every day and is none.

use rustix::process::Signal;

use super::{
    drill::{Drill, Expect},
    stage::{Prop, Stage},
    support::{
        container::{Recipe, Role, Running},
        process,
        wait::{eventually, holds},
    },
};

/// Services to which nothing happens that anybody should be told of.
pub(crate) const CONTROLS: &[&str] = &["steady", "finished", "taken-down", "scaled-down", "deployed"];

/// Names of drills which are about no service of the first engine's first project.
pub(crate) fn is_service(name: &str) -> bool {
    !name.contains("disk") && !name.starts_with("second-") && name != "trespass"
}

fn sound(stage: &Stage, service: &str) -> Recipe {
    stage.sound(service, 1)
}

fn one(recipe: Recipe) -> Vec<Prop> {
    vec![Prop::Container(recipe.start())]
}

/// Takes the container away as Compose does, and starts another in its place.
pub(crate) fn deploy(props: &mut Vec<Prop>, recipe: Recipe) {
    let Some(Prop::Container(old)) = props.pop() else { panic!("a container to replace") };
    old.act(&["stop", "--time", "0"]);
    old.remove();
    props.extend(one(recipe));
}

fn nothing(_: &Stage, _: &mut Vec<Prop>) {}

/// A shell command inside that goes on by itself.
pub(crate) fn in_background(stage: &Stage, container: &Running, script: &str) {
    stage.docker.run(&["exec", "--detach", &container.id, "sh", "-c", script]);
}

/// Ends after it was told to, three times at once and then never again: what counts is outside the limits of one run.
const LOOP: &str = "n=$(cat /runs 2>/dev/null || echo 0)
if [ -e /go ] && [ $n -lt 3 ]; then echo $((n + 1)) >/runs; exit 1; fi
trap 'exit 0' TERM
while [ ! -e /go ] || [ $n -ge 3 ]; do sleep 0.2; done
exit 1";

/// Ends with an error once it is told to.
const ERR: &str = "trap 'exit 0' TERM; while [ ! -e /go ]; do sleep 0.2; done; exit 3";

/// Passes as long as `/sick` does not exist, and hangs otherwise.
const CHECK: &[&str] = &[
    "--health-cmd",
    "test ! -e /sick || sleep 60",
    "--health-interval",
    "1s",
    "--health-timeout",
    "1s",
    "--health-retries",
    "1",
];

fn critical(alert: &'static str, labels: &'static [(&'static str, &'static str)]) -> Expect {
    Expect { alert, severity: "critical", labels, seconds_before: 0 }
}

fn warning(alert: &'static str, labels: &'static [(&'static str, &'static str)]) -> Expect {
    Expect { alert, severity: "warning", labels, seconds_before: 0 }
}

fn info(alert: &'static str, labels: &'static [(&'static str, &'static str)]) -> Expect {
    Expect { alert, severity: "info", labels, seconds_before: 0 }
}

#[expect(clippy::too_many_lines, reason = "a list")]
pub(crate) fn drills() -> Vec<Drill> {
    vec![
        Drill {
            name: "killed",
            fault: "the main process of the only replica is killed, its restart policy does not bring it back",
            prepare: |stage| one(sound(stage, "killed")),
            inject: |_, props| assert!(process::signal(props[0].container().pid(), Signal::KILL)),
            repair: |_, props| drop(props[0].container().act(&["start"])),
            expected: vec![critical("SpyhopServiceDown", &[("project", "PROJECT"), ("service", "killed")])],
            then: vec![info("SpyhopFailoverSlow", &[("project", "PROJECT"), ("service", "killed")])],
            // It waits less than the page, which silences it from then on.
            may: &["SpyhopExitedWithError"],
        },
        Drill {
            name: "removed",
            fault: "the only replica is removed while it runs (`docker rm --force`)",
            prepare: |stage| one(sound(stage, "removed")),
            inject: |_, props| props.clear(),
            repair: |stage, props| props.extend(one(sound(stage, "removed"))),
            expected: vec![critical("SpyhopServiceDown", &[("project", "PROJECT"), ("service", "removed")])],
            then: vec![info("SpyhopFailoverSlow", &[("project", "PROJECT"), ("service", "removed")])],
            may: &[],
        },
        Drill {
            name: "starved",
            fault: "a process of the container, not its first, takes more memory than the limit allows",
            prepare: |stage| one(sound(stage, "starved")),
            inject: |stage, props| in_background(stage, props[0].container(), "tail /dev/zero"),
            repair: nothing,
            expected: vec![warning("SpyhopOomKilled", &[("project", "PROJECT"), ("service", "starved")])],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "looping",
            fault: "the container ends at once after each start, four times; its restart policy is `always`",
            prepare: |stage| {
                one(sound(stage, "looping").options(&["--restart", "always"]).role(Role::Script(LOOP.into())))
            },
            inject: |_, props| drop(props[0].container().exec("touch /go")),
            repair: nothing,
            expected: vec![critical("SpyhopRestartLooping", &[("project", "PROJECT"), ("service", "looping")])],
            then: Vec::new(),
            // The engine's own pauses between its starts are not scaled: it may be away for two scaled minutes.
            may: &["SpyhopFlapping", "SpyhopServiceDown"],
        },
        Drill {
            name: "flapping",
            fault: "somebody stops and starts the only replica four times",
            prepare: |stage| one(sound(stage, "flapping")),
            inject: |stage, props| {
                for _ in 0..4 {
                    props[0].container().act(&["stop", "--time", "0"]);
                    stage.sees_running("flapping", 0.0);
                    props[0].container().act(&["start"]);
                    stage.sees_running("flapping", 1.0);
                }
            },
            repair: nothing,
            expected: vec![info("SpyhopFlapping", &[("project", "PROJECT"), ("service", "flapping")])],
            // Each start by hand is a restart.
            then: Vec::new(),
            may: &["SpyhopRestartLooping"],
        },
        Drill {
            name: "hung",
            fault: "the health check hangs until its timeout",
            prepare: |stage| one(sound(stage, "hung").options(CHECK)),
            inject: |_, props| drop(props[0].container().exec("touch /sick")),
            repair: |_, props| drop(props[0].container().exec("rm /sick")),
            expected: vec![critical(
                "SpyhopUnhealthy",
                &[("project", "PROJECT"), ("service", "hung"), ("replica", "1")],
            )],
            then: vec![info("SpyhopFailoverSlow", &[("project", "PROJECT"), ("service", "hung")])],
            may: &[],
        },
        Drill {
            name: "stuck",
            fault: "a container does not get healthy within a long start period",
            prepare: |stage| one(sound(stage, "stuck")),
            inject: |stage, props| {
                let check = ["--health-cmd", "test -e /up", "--health-interval", "1s", "--health-start-period", "1h"];
                deploy(props, sound(stage, "stuck").options(&check));
            },
            repair: |_, props| drop(props[0].container().exec("touch /up")),
            expected: vec![warning(
                "SpyhopHealthStarting",
                &[("project", "PROJECT"), ("service", "stuck"), ("replica", "1")],
            )],
            then: vec![info("SpyhopStartSlow", &[("project", "PROJECT"), ("service", "stuck")])],
            may: &[],
        },
        Drill {
            name: "erring",
            fault: "one replica of two ends with an error and stays down",
            prepare: |stage| {
                let one = |number| stage.sound("erring", number).role(Role::Script(ERR.into())).start();
                vec![Prop::Container(one(1)), Prop::Container(one(2))]
            },
            inject: |_, props| drop(props[1].container().exec("touch /go")),
            repair: |stage, props| {
                props.truncate(1);
                props.push(Prop::Container(stage.sound("erring", 2).start()));
            },
            expected: vec![
                warning("SpyhopExitedWithError", &[("project", "PROJECT"), ("service", "erring"), ("replica", "2")]),
                warning("SpyhopReplicasMissing", &[("project", "PROJECT"), ("service", "erring")]),
            ],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "short",
            fault: "one replica of two is removed while it runs",
            prepare: |stage| [1, 2].map(|number| Prop::Container(stage.sound("short", number).start())).into(),
            inject: |_, props| props.truncate(1),
            repair: |stage, props| props.push(Prop::Container(stage.sound("short", 2).start())),
            expected: vec![warning("SpyhopReplicasMissing", &[("project", "PROJECT"), ("service", "short")])],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "full",
            fault: "a container holds 94 % of the memory it may",
            prepare: |stage| one(sound(stage, "full").options(&["--shm-size", "64m"])),
            inject: |_, props| {
                drop(props[0].container().exec("dd if=/dev/zero of=/dev/shm/x bs=1M count=60 2>/dev/null"))
            },
            repair: |_, props| drop(props[0].container().exec("rm /dev/shm/x")),
            expected: vec![warning(
                "SpyhopMemoryNearLimit",
                &[("project", "PROJECT"), ("service", "full"), ("replica", "1")],
            )],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "crowded",
            fault: "a container has 19 threads of 20",
            prepare: |stage| one(sound(stage, "crowded").options(&["--pids-limit", "20"])),
            inject: |stage, props| {
                in_background(stage, props[0].container(), "for i in $(seq 16); do sleep 300 & done; wait");
            },
            repair: |_, props| drop(props[0].container().act(&["restart", "--time", "0"])),
            expected: vec![warning(
                "SpyhopPidsNearLimit",
                &[("project", "PROJECT"), ("service", "crowded"), ("replica", "1")],
            )],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "throttled",
            fault: "a container wants ten times the CPU it may have",
            prepare: |stage| one(sound(stage, "throttled").options(&["--cpus", "0.1"])),
            inject: |stage, props| in_background(stage, props[0].container(), "while :; do :; done # spin"),
            repair: |_, props| drop(props[0].container().act(&["restart", "--time", "0"])),
            expected: vec![Expect {
                alert: "SpyhopCpuThrottled",
                severity: "info",
                labels: &[("project", "PROJECT"), ("service", "throttled"), ("replica", "1")],
                seconds_before: 300,
            }],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "unlimited",
            fault: "a deploy leaves the memory limit out",
            prepare: |stage| one(sound(stage, "unlimited")),
            inject: |stage, props| {
                let bare = stage.docker.container("unlimited").compose(&stage.project, "unlimited", 1);
                deploy(props, bare.options(&["--network", "none", "--cpus", "0.5"]));
            },
            repair: |stage, props| deploy(props, sound(stage, "unlimited")),
            expected: vec![warning("SpyhopFindings", &[("project", "PROJECT"), ("class", "limit_missing")])],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "mighty",
            fault: "a deploy makes a container privileged",
            prepare: |stage| one(sound(stage, "mighty")),
            inject: |stage, props| deploy(props, sound(stage, "mighty").options(&["--privileged", "--user", "1000"])),
            repair: |stage, props| deploy(props, sound(stage, "mighty")),
            expected: vec![critical(
                "SpyhopFindingCritical",
                &[("project", "PROJECT"), ("service", "mighty"), ("class", "privileged")],
            )],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "declared",
            fault: "a container declares an endpoint for metrics and has no network",
            prepare: |stage| one(sound(stage, "declared")),
            inject: |stage, props| deploy(props, sound(stage, "declared").label("spyhop.metrics.port", "8080")),
            repair: |stage, props| deploy(props, sound(stage, "declared")),
            expected: vec![warning(
                "SpyhopTargetUnreachable",
                &[("project", "PROJECT"), ("service", "declared"), ("replica", "1")],
            )],
            then: Vec::new(),
            may: &[],
        },
    ]
}

/// What runs through all drills and is no fault.
pub(crate) struct Controls {
    _kept: Vec<Running>,
    going: std::cell::RefCell<Vec<(&'static str, Running)>>,
    deployed: std::cell::RefCell<Option<Running>>,
}

/// Starts them.
pub(crate) fn controls(stage: &Stage) -> Controls {
    let steady = stage.sound("steady", 1).options(CHECK).start();
    let staying = stage.sound("scaled-down", 1).start();
    // Work that ends by itself, and ends well.
    let finished = stage.sound("finished", 1).role(Role::ExitAfter(1.0, 0)).start();
    let going = [2, 3].map(|number| ("scaled-down", stage.sound("scaled-down", number).start()));
    let down = ("taken-down", stage.sound("taken-down", 1).start());
    let deployed = stage.sound("deployed", 1).start();
    Controls {
        _kept: vec![steady, staying, finished],
        going: going.into_iter().chain([down]).collect::<Vec<_>>().into(),
        deployed: Some(deployed).into(),
    }
}

impl Controls {
    /// `docker compose down`, a scale-down and a deploy, as Compose does them: stop, then remove.
    pub(crate) fn happen(&self, stage: &Stage) {
        stage.sees_running("scaled-down", 3.0);
        stage.sees_running("taken-down", 1.0);
        for (_, container) in self.going.borrow_mut().drain(..) {
            container.act(&["stop", "--time", "0"]);
            container.act(&["rm"]);
        }
        let old = self.deployed.borrow_mut().take().expect("it runs");
        old.act(&["stop", "--time", "0"]);
        old.remove();
        *self.deployed.borrow_mut() = Some(stage.sound("deployed", 1).start());
        stage.sees_running("scaled-down", 1.0);
        stage.sees_running("taken-down", 0.0);
        let state =
            format!("spyhop_container_state{{project=\"{}\",service=\"finished\",state=\"completed\"}}", stage.project);
        eventually("the job is done", || {
            let done = stage.number(&state)?;
            holds(done > 0.5, || done.to_string())
        });
    }
}
