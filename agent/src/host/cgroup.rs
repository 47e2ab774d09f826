//! Which cgroups a container is in: told by `/proc/<pid>/cgroup`, never guessed from the driver's habits.

use std::path::{Path, PathBuf};

use super::parse;

/// The cgroups of one process: a path for each v1 controller and one for v2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    rows: Vec<(Vec<String>, PathBuf)>,
}

impl Membership {
    /// Parses `/proc/<pid>/cgroup`: `id:controller,controller:path`, v2 as `0::path` (cgroups(7)).
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let rows = parse::lines(bytes).filter_map(|line| {
            let mut fields = line.splitn(3, |byte| *byte == b':').skip(1);
            let controllers = String::from_utf8_lossy(fields.next()?).split(',').map(str::to_owned).collect();
            let path = String::from_utf8_lossy(fields.next()?).into_owned();
            Some((controllers, PathBuf::from(path)))
        });
        Self { rows: rows.collect() }
    }

    /// The path in the hierarchy of a v1 controller.
    pub(super) fn v1(&self, controller: &str) -> Option<&Path> {
        self.find(|controllers| controllers.iter().any(|name| name == controller))
    }

    /// The path in the v2 hierarchy.
    pub(super) fn v2(&self) -> Option<&Path> {
        self.find(|controllers| matches!(controllers, [name] if name.is_empty()))
    }

    fn find(&self, wanted: impl Fn(&[String]) -> bool) -> Option<&Path> {
        self.rows.iter().find(|(controllers, _)| wanted(controllers)).map(|(_, path)| path.as_path())
    }

    /// Whether the process still belongs to the container: an engine puts its id into the name of its cgroup. Engines that do
    /// not are told from a reused pid by the start time alone.
    pub(super) fn mentions(&self, id: &str) -> bool {
        self.rows.iter().any(|(_, path)| path.to_string_lossy().contains(id))
    }
}

/// The container's own cgroup: the part of a path up to the name that carries its id. An init inside the container
/// (systemd, a nested engine) moves processes into cgroups below, and those hold a share of the figures only.
pub(super) fn top(path: &Path, id: &str) -> PathBuf {
    let mut top = PathBuf::new();
    for part in path.components() {
        top.push(part);
        if part.as_os_str().to_string_lossy().contains(id) {
            return top;
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1: &[u8] =
        b"9:name=systemd:/docker/abc\n4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc/init.scope\n0::/docker/abc\n";

    #[test]
    fn each_controller_has_its_own_path() {
        let membership = Membership::parse(V1);
        assert_eq!(membership.v1("memory"), Some(Path::new("/docker/abc")));
        assert_eq!(membership.v1("cpuacct"), Some(Path::new("/docker/abc/init.scope")));
        assert_eq!(membership.v1("pids"), None);
        assert_eq!(membership.v2(), Some(Path::new("/docker/abc")));
        assert!(membership.mentions("abc") && !membership.mentions("abd"));
    }

    #[test]
    fn a_path_may_hold_colons() {
        let membership = Membership::parse(b"0::/user.slice/a:b\n");
        assert_eq!(membership.v2(), Some(Path::new("/user.slice/a:b")));
    }

    #[test]
    fn processes_in_nested_cgroups_count_for_the_container() {
        let table = [
            ("/docker/abc/init.scope", "/docker/abc"),
            ("/system.slice/docker-abc.scope", "/system.slice/docker-abc.scope"),
            ("/system.slice/docker-abc.scope/system.slice/x.service", "/system.slice/docker-abc.scope"),
            ("/../docker-abc.scope/x", "/../docker-abc.scope"),
            ("/custom/parent", "/custom/parent"),
        ];
        for (path, expected) in table {
            assert_eq!(top(Path::new(path), "abc"), Path::new(expected), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let membership = Membership::parse(&bytes);
            let _ = (membership.v1("cpu"), membership.v2().map(|path| top(path, "a")));
        }
    }
}
