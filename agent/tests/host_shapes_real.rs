//! Shapes of hosts which a test can make itself, on the kernel it runs on: cgroup v1, hybrid or v2 as it comes.
//!
//! Promised: a limit of an ancestor is in force, a container whose processes live in cgroups of its own is read whole, and an agent in
//! a cgroup namespace of its own sees the others or says that it does not. Needs root and a container engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use spyhop::{
    host::{Host, Roots, Target},
    model::{ContainerId, ContainerSample},
    telemetry::Metrics,
};
use support::{
    agent::Home,
    container::Running,
    docker::{Docker, Turn, skip},
    kernel::Cgroup,
    scene::binary,
    wait::{eventually, holds, promptly},
};

/// A real engine, and the right to write into cgroups.
fn engine() -> Option<Docker> {
    let docker = Docker::or_skip(Turn::Shared)?;
    if rustix::process::geteuid().is_root() { Some(docker) } else { skip("root", "cgroups are made here") }
}

fn read(running: &Running) -> ContainerSample {
    let mut host = Host::open(Roots::default(), Metrics::default());
    let id = ContainerId::new(running.id.as_str());
    let limits = spyhop::model::Limits::default();
    host.track(&[Target { id: id.clone(), pid: running.pid(), started_at: None, network: true, limits }]);
    let mut sample = ContainerSample::default();
    host.container(&id, &mut sample).unwrap();
    sample
}

/// The folders of a container's cgroup in every hierarchy there is.
fn folders(running: &Running) -> Vec<(String, PathBuf)> {
    let text = fs::read_to_string(format!("/proc/{}/cgroup", running.pid())).unwrap();
    let folder = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let mount = match controllers {
            "" if Path::new("/sys/fs/cgroup/unified").is_dir() => PathBuf::from("/sys/fs/cgroup/unified"),
            "" => PathBuf::from("/sys/fs/cgroup"),
            named => Path::new("/sys/fs/cgroup").join(named.trim_start_matches("name=")),
        };
        Some((controllers.to_owned(), mount.join(path))).filter(|(_, folder)| folder.is_dir())
    };
    text.lines().filter_map(folder).collect()
}

#[test]
fn a_limit_above_the_container_is_in_force() {
    let Some(docker) = engine() else { return };
    // The systemd driver wants a slice, and makes one below another out of a dash.
    let driver = docker.run(&["info", "--format", "{{.CgroupDriver}}"]);
    let unique = docker.unique("parent").replace('-', "");
    let parent = if driver == "systemd" { format!("{unique}-deep.slice") } else { format!("/{unique}/deep") };
    let running = docker.container("below").options(&["--cgroup-parent", &parent, "--memory", "64m"]).start();
    assert_eq!(read(&running).spec.memory_limit_bytes, Some(64 << 20));
    let all = folders(&running);
    let find = |names: [&str; 2]| all.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, folder)| folder);
    let memory = find(["memory", ""]).unwrap();
    let file = if memory.join("memory.max").exists() { "memory.max" } else { "memory.limit_in_bytes" };
    // Two levels up: the parent's parent.
    let upper = memory.parent().and_then(Path::parent).unwrap();
    assert_ne!(upper, Path::new("/sys/fs/cgroup"));
    fs::write(upper.join(file), "33554432").unwrap();
    let sample = read(&running);
    assert_eq!(sample.spec.memory_limit_bytes, Some(32 << 20), "{}", upper.display());
    assert!(sample.cgroup_path.unwrap().contains(&unique));
    running.remove();
    // With the systemd driver the slices are systemd's own to remove.
    if driver != "systemd" {
        for (_, folder) in all {
            let parents = folder.ancestors().skip(1).take(2);
            parents.for_each(|folder| drop(fs::remove_dir(folder)));
        }
    }
}

#[test]
fn processes_in_cgroups_below_are_the_containers() {
    let Some(docker) = engine() else { return };
    let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; trap 'exit 0' TERM; sleep 100000 & wait";
    let running = docker.container("nested").role(support::container::Role::Script(script.into())).start();
    let first = read(&running);
    // As an init or a nested engine does: everything moves into a cgroup below the container's own.
    let all = folders(&running);
    for (name, folder) in all.iter().filter(|(name, _)| name != "cpuset") {
        let below = folder.join("init.scope");
        fs::create_dir(&below).unwrap();
        for pid in fs::read_to_string(folder.join("cgroup.procs")).unwrap().lines() {
            fs::write(below.join("cgroup.procs"), pid).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    let path = fs::read_to_string(format!("/proc/{}/cgroup", running.pid())).unwrap();
    assert!(path.contains("init.scope"), "{path}");
    let moved = read(&running);
    assert_eq!(moved.cgroup_path, first.cgroup_path);
    assert!(moved.cpu.usage_ns >= first.cpu.usage_ns, "{:?} after {:?}", moved.cpu, first.cpu);
    assert!(moved.memory.usage.is_some() && moved.pids.current >= Some(1));
    // What was moved can be ended; the engine removes cgroups below its own where it made them, so we tidy up.
    running.act(&["kill"]);
    for (_, folder) in all {
        drop(fs::remove_dir(folder.join("init.scope")));
    }
}

/// A program that starts the agent in a cgroup of its own, in a cgroup namespace whose root that is.
fn namespaced(docker: &Docker, folder: &Path) -> (PathBuf, String) {
    let name = docker.unique("namespace");
    let script = format!(
        "#!/bin/sh\nfor top in /sys/fs/cgroup /sys/fs/cgroup/*; do\n  [ -e $top/cgroup.procs ] || continue\n  \
         case $top in */cpuset|/sys/fs/cgroup/*.*) continue;; esac\n  \
         mkdir -p $top/{name}/agent && echo $$ >$top/{name}/agent/cgroup.procs\n  \
         [ -e $top/cgroup.controllers ] && [ $top = /sys/fs/cgroup ] && break\ndone\n\
         exec unshare --cgroup -- {} \"$@\"\n",
        binary()
    );
    let path = folder.join("namespaced");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (path, name)
}

#[test]
fn an_agent_in_a_cgroup_namespace_of_its_own_shows_the_others_rightly() {
    let Some(docker) = engine() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (program, name) = namespaced(&docker, folder.path());
    let running = docker.container("beside").options(&["--memory", "64m"]).start();
    let home = Home::new(&program.display().to_string(), docker.socket());
    let agent = home.start();
    // It really is in one: its own path is the root of what it sees.
    let own = fs::read_to_string(format!("/proc/{}/cgroup", agent.pid())).unwrap();
    assert!(own.contains(&name), "{own}");
    let named = [("name", running.name.as_str())];
    promptly("the container", || agent.scrape().require("container_last_seen", &named));
    let truth = Cgroup::of(running.pid()).unwrap();
    eventually("its figures", || {
        let page = agent.scrape();
        page.expect("container_spec_memory_limit_bytes", &named, f64::from(64 << 20))?;
        let usage = page.require("container_memory_usage_bytes", &named)?;
        holds(usage > 0.0, || format!("{usage}"))
    });
    let page = agent.scrape();
    let row = page.one("container_memory_usage_bytes", &named).unwrap();
    assert!(row.label("id").contains(&running.id), "{} and {}", row.label("id"), truth.path);
    agent.terminate();
    let tops = fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().path());
    for top in tops.chain([PathBuf::from("/sys/fs/cgroup")]) {
        for below in ["agent", ""] {
            drop(fs::remove_dir(top.join(&name).join(below)));
        }
    }
}
