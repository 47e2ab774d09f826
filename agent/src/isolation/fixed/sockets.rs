//! Sockets of engines in containers: whoever writes to one is root on the host, however it got there.
//!
//! Sources and destinations of all mounts are looked at, not what the container was asked to bind: an engine can be told to put its
//! socket in by itself (CVE-2026-6406). A read-only mount is no better: a socket is written to all the same.

use super::{Court, Member};
use crate::{model::Mount, policy::Class};

/// Where engines and what is below them listen, links resolved: `/var/run` is `/run`.
const SOCKETS: [&str; 7] = [
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/balena-engine.sock",
];

/// What such a socket is called wherever it lies: in a user's own folder, or where somebody moved it.
const NAMES: [&str; 6] =
    ["docker.sock", "containerd.sock", "podman.sock", "crio.sock", "buildkitd.sock", "balena-engine.sock"];

/// Folders of users, each with sockets of rootless engines in it.
const USERS: &str = "/run/user";

pub(super) fn judge(court: &mut Court<'_>, member: &Member<'_>) {
    // The agent reads the engine through a filter of its own, and says itself what it could do beside.
    if court.intent.agent.as_ref() == Some(member.key) {
        return;
    }
    court.looks(&member.key.project);
    for mount in &member.entry.container.mounts {
        if let Some((path, why)) = exposes(mount) {
            court.finds(Class::Exposure, member.key, path, why);
        }
    }
}

/// The path of the socket, or of what it lies below, with what to say of it.
fn exposes(mount: &Mount) -> Option<(&str, String)> {
    let (source, destination) = (plain(&mount.source), plain(&mount.destination));
    if &*mount.kind == "tmpfs" {
        return None;
    }
    if is_socket(&source) {
        return Some((&mount.source, format!("the socket {} of an engine lies in it at {destination}", mount.source)));
    }
    if is_socket(&destination) {
        return Some((
            &mount.destination,
            format!("an engine's socket lies in it at {destination}, from {}", mount.source),
        ));
    }
    let below = (&*mount.kind == "bind").then(|| SOCKETS.iter().find(|socket| is_below(socket, &source)))?;
    let users = is_below(USERS, &source) || is_below(&source, USERS);
    match below {
        Some(socket) => {
            Some((&mount.source, format!("{} is mounted at {destination}, and {socket} lies below it", mount.source)))
        }
        None if users => Some((
            &mount.source,
            format!("{} is mounted at {destination}, where engines of users listen", mount.source),
        )),
        None => None,
    }
}

fn is_socket(path: &str) -> bool {
    SOCKETS.contains(&path)
        || path.rsplit('/').next().is_some_and(|name| path.starts_with('/') && NAMES.contains(&name))
}

/// Whether a path is a folder or lies in it.
fn is_below(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path without detours: `//run/./x/../docker.sock` and `/var/run/docker.sock` are `/run/docker.sock`.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if path.starts_with('/') && parts.starts_with(&["var", "run"]) {
        parts.remove(0);
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &str, source: &str, destination: &str) -> Option<String> {
        let mount =
            Mount { kind: kind.into(), source: source.into(), destination: destination.into(), read_write: false };
        exposes(&mount).map(|(path, _)| path.to_owned())
    }

    #[test]
    fn a_socket_is_found_by_any_path() {
        for (source, destination) in [
            ("/var/run/docker.sock", "/var/run/docker.sock"),
            ("/run/docker.sock", "/tmp/x"),
            ("//var/./run/../run/docker.sock", "/x"),
            ("/run/user/1000/docker.sock", "/x"),
            ("/srv/moved/docker.sock", "/x"),
            ("/run", "/host/run"),
            ("/run/", "/host/run"),
            ("/var/run", "/x"),
            ("/", "/host"),
            ("/run/containerd", "/x"),
            ("/run/docker", "/x"),
            ("/run/podman", "/x"),
            ("/run/user", "/x"),
            ("/run/user/1000", "/x"),
            ("/run/user/1000/podman", "/x"),
        ] {
            assert_eq!(found("bind", source, destination).as_deref(), Some(source), "{source} at {destination}");
        }
        // Put in by the engine itself, from wherever it keeps it.
        assert_eq!(found("", "/var/lib/x/sock", "/var/run/docker.sock").as_deref(), Some("/var/run/docker.sock"));
        assert_eq!(found("volume", "sockets", "/run/docker.sock").as_deref(), Some("/run/docker.sock"));
    }

    #[test]
    fn other_mounts_are_nobodys_business() {
        for (kind, source, destination) in [
            ("bind", "/run/dbus", "/run/dbus"),
            ("bind", "/run/docker.sock.bak", "/x"),
            ("bind", "/running", "/x"),
            ("bind", "/var/lib/docker/containers", "/x"),
            ("bind", "/etc", "/run"),
            ("volume", "run", "/run"),
            ("tmpfs", "", "/run"),
            ("bind", "/sys/fs/cgroup", "/sys/fs/cgroup"),
            ("bind", "/var", "/x"),
        ] {
            assert_eq!(found(kind, source, destination), None, "{source} at {destination}");
        }
    }
}
