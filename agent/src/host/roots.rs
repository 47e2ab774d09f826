//! Where the host's kernel files are, and where each cgroup controller is mounted.
//!
//! Facts: proc(5) `/proc/[pid]/mountinfo` and `/proc/[pid]/cgroup`, cgroups(7).

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use super::{
    handle::{MOUNTS_CEILING, read_once},
    parse, v1,
};

/// Roots of the host's kernel files as the agent sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// The host's procfs, usually `/proc`.
    pub proc: PathBuf,
    /// The host's sysfs, usually `/sys`.
    pub sys: PathBuf,
    /// The host's root directory; `None` shows no filesystem.
    pub rootfs: Option<PathBuf>,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), rootfs: None }
    }
}

/// Directories entered at most while looking for a cgroup whose place in the tree a namespace hides.
const SEARCH_CEILING: usize = 10_000;

/// Where one hierarchy is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The mount point as the agent sees it.
    pub(super) point: PathBuf,
    /// Which directory of the hierarchy is mounted there; starts with `/..` when it lies above our cgroup namespace.
    root: PathBuf,
}

/// All cgroup hierarchies of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hierarchies {
    /// v1 controllers by name; controllers mounted together have equal mounts.
    pub(super) v1: BTreeMap<String, Mount>,
    /// The v2 hierarchy; beside v1 controllers it is the empty half of a hybrid host.
    pub(super) v2: Option<Mount>,
}

impl Hierarchies {
    /// Reads the agent's own mount table.
    pub(super) fn find(roots: &Roots) -> Self {
        let bytes = read_once(&roots.proc.join("self/mountinfo"), MOUNTS_CEILING).unwrap_or_default();
        Self::parse(&bytes, &roots.sys)
    }

    /// Of several mounts of one hierarchy those below `sys` win, then those which show it from its root, then later ones.
    pub(super) fn parse(mountinfo: &[u8], sys: &Path) -> Self {
        let mut rows: Vec<(bool, bool, MountRow)> = MountRow::all(mountinfo)
            .filter(|row| matches!(row.fstype.as_str(), "cgroup" | "cgroup2"))
            .map(|row| (row.point.starts_with(sys), is_whole(&row.root), row))
            .collect();
        rows.sort_by_key(|(below_sys, whole, _)| (*below_sys, *whole));
        let mut found = Self::default();
        for (below_sys, _, row) in rows {
            let point = if below_sys { row.point } else { moved(&row.point, sys) };
            let mount = Mount { point, root: row.root };
            if row.fstype == "cgroup2" {
                found.v2 = Some(mount);
            } else {
                let controllers = row.super_options.split(',').filter(|option| v1::CONTROLLERS.contains(option));
                found.v1.extend(controllers.map(|controller| (controller.to_owned(), mount.clone())));
            }
        }
        found
    }

    /// Whether figures come from the v2 hierarchy: it is there and no v1 controller that we read is.
    pub(super) fn unified(&self) -> bool {
        self.v2.is_some() && self.v1.is_empty()
    }
}

/// Shows its hierarchy from the root, or from above our namespace's own root.
fn is_whole(root: &Path) -> bool {
    root == Path::new("/") || root.starts_with("/..")
}

/// A mount point below `/sys`, seen below another sys root.
fn moved(point: &Path, sys: &Path) -> PathBuf {
    point.strip_prefix("/sys").map_or_else(|_| point.to_owned(), |rest| sys.join(rest))
}

impl Mount {
    /// The directory of a cgroup whose path `/proc/<pid>/cgroup` gives.
    ///
    /// Both the path and the mount's root are seen from our cgroup namespace, so both may climb out of it with `/..`. Where the
    /// mount climbs higher than the path, the names in between are not told; they are searched for.
    pub(super) fn directory(&self, path: &Path) -> Option<PathBuf> {
        let (path_up, path_rest) = climb(path)?;
        let (root_up, root_rest) = climb(&self.root)?;
        let below = match path_up.cmp(&root_up) {
            std::cmp::Ordering::Equal => path_rest.strip_prefix(&root_rest).ok()?.to_owned(),
            std::cmp::Ordering::Less if root_rest.as_os_str().is_empty() => {
                return search(&self.point, root_up - path_up, &path_rest);
            }
            _ => return None,
        };
        Some(if below.as_os_str().is_empty() { self.point.clone() } else { self.point.join(below) })
    }
}

impl Mount {
    /// The path of a directory below the hierarchy's root, as far up as the mount shows it.
    pub(super) fn path_of(&self, folder: &Path) -> String {
        let mounted = climb(&self.root).map(|(_, rest)| rest).unwrap_or_default();
        let below = folder.strip_prefix(&self.point).unwrap_or(folder);
        format!("/{}", mounted.join(below).display()).trim_end_matches('/').to_owned()
    }

    /// Whether the mount shows a v1 hierarchy from its true root: only there is this file (cgroup-v1/cgroups.rst).
    pub(super) fn is_v1_root(&self) -> bool {
        ["release_agent", "cgroup.sane_behavior"].iter().any(|name| self.point.join(name).exists())
    }

    /// Whether the mount shows the v2 hierarchy from its true root: every other cgroup has a type (cgroup-v2.rst).
    pub(super) fn is_v2_root(&self) -> bool {
        !self.point.join("cgroup.type").exists()
    }
}

/// How often a path climbs, and where it goes from there; `None` where it climbs again, which the kernel never writes and which
/// could lead out of the mount.
fn climb(path: &Path) -> Option<(usize, PathBuf)> {
    let mut parts = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir)).peekable();
    let mut up = 0;
    while parts.next_if(|part| *part == Component::ParentDir).is_some() {
        up += 1;
    }
    let rest: PathBuf = parts.collect();
    rest.components().all(|part| part != Component::ParentDir).then_some((up, rest))
}

/// The one directory `depth` levels below `top` which holds `rest`. Where nothing is left to look for, or more than one has it, which
/// of them is meant is not known: no figures are better than those of a stranger.
fn search(top: &Path, depth: usize, rest: &Path) -> Option<PathBuf> {
    if rest.as_os_str().is_empty() {
        return None;
    }
    let mut level = vec![top.to_owned()];
    let mut entered = 0;
    for _ in 0..depth {
        let mut next = Vec::new();
        for folder in level {
            entered += 1;
            if entered > SEARCH_CEILING {
                return None;
            }
            let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            next.extend(
                entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
            );
        }
        level = next;
    }
    let mut found = level.into_iter().map(|folder| folder.join(rest)).filter(|candidate| candidate.is_dir());
    found.next().filter(|_| found.next().is_none())
}

/// One row of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MountRow {
    pub(super) device: (u32, u32),
    pub(super) root: PathBuf,
    pub(super) point: PathBuf,
    pub(super) options: String,
    pub(super) fstype: String,
    pub(super) source: String,
    pub(super) super_options: String,
}

impl MountRow {
    /// Every row that has the documented form.
    pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        parse::lines(bytes).filter_map(Self::parse)
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = parse::words(line).skip(2);
        let device = parse::device_number(words.next()?)?;
        let root = PathBuf::from(unescape(words.next()?));
        let point = PathBuf::from(unescape(words.next()?));
        let options = unescape(words.next()?);
        let mut words = words.skip_while(|word| *word != b"-").skip(1);
        Some(Self {
            device,
            root,
            point,
            options,
            fstype: unescape(words.next()?),
            source: unescape(words.next().unwrap_or_default()),
            super_options: unescape(words.next().unwrap_or_default()),
        })
    }
}

/// The kernel writes blank, tab, newline and backslash as `\` and three octal digits.
fn unescape(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = after
            .first_chunk::<3>()
            .filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        if let Some([a, b, c]) = octal {
            bytes.push((a - b'0').wrapping_mul(64).wrapping_add((b - b'0') * 8 + (c - b'0')));
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hierarchies(mountinfo: &str) -> Hierarchies {
        Hierarchies::parse(mountinfo.as_bytes(), Path::new("/sys"))
    }

    fn mount(point: &str, root: &str) -> Mount {
        Mount { point: point.into(), root: root.into() }
    }

    #[test]
    fn a_row_has_optional_fields_and_escaped_blanks() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root\011x rw,errors=continue";
        let row = MountRow::parse(line).unwrap();
        assert_eq!(
            (row.device, row.root.as_path(), row.point.as_path()),
            ((98, 0), Path::new("/mnt1"), Path::new("/mnt 2"))
        );
        assert_eq!((row.options.as_str(), row.fstype.as_str()), ("rw,noatime", "ext3"));
        assert_eq!((row.source.as_str(), row.super_options.as_str()), ("/dev/root\tx", "rw,errors=continue"));
        for broken in
            ["", "36 35", "36 35 x / / rw - ext3 a b", "36 35 98:0 / /mnt rw shared:2", "36 35 98:0 / /mnt rw -"]
        {
            assert_eq!(MountRow::parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn escapes_are_three_octal_digits() {
        let table = [(r"a\040b", "a b"), (r"\134", r"\"), (r"\04", r"\04"), (r"\049", r"\049"), (r"\", r"\"), ("", "")];
        for (word, expected) in table {
            assert_eq!(unescape(word.as_bytes()), expected, "{word}");
        }
    }

    #[test]
    fn each_controller_is_found_where_it_is_mounted() {
        let v1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                  33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                  35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let found = hierarchies(v1);
        assert_eq!(found.v1.keys().collect::<Vec<_>>(), ["cpu", "cpuacct", "memory"]);
        assert_eq!(found.v1.get("cpu"), found.v1.get("cpuacct"));
        assert!(found.v2.is_none() && !found.unified());

        let hybrid = hierarchies(&format!("{v1}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"));
        assert_eq!(hybrid.v2, Some(mount("/sys/fs/cgroup/unified", "/")));
        assert!(!hybrid.unified(), "the figures are on the v1 side");

        assert!(hierarchies("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n").unified());
        assert_eq!(hierarchies("nonsense\n"), Hierarchies::default());
    }

    #[test]
    fn of_several_mounts_the_one_below_sys_that_shows_all_wins() {
        let ours = "50 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let whole = "51 31 0:32 / /sys/fs/cgroup/memory2 rw - cgroup cgroup rw,memory\n";
        let elsewhere = "52 31 0:32 / /var/lib/x/memory rw - cgroup cgroup rw,memory\n";
        for order in [[ours, whole, elsewhere], [elsewhere, whole, ours], [whole, ours, elsewhere]] {
            let found = hierarchies(&order.concat());
            assert_eq!(found.v1.get("memory"), Some(&mount("/sys/fs/cgroup/memory2", "/")));
        }
    }

    #[test]
    fn a_mount_of_the_host_is_looked_for_below_the_given_root() {
        let row = b"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let found = Hierarchies::parse(row, Path::new("/host/sys"));
        assert_eq!(found.v1.get("memory"), Some(&mount("/host/sys/fs/cgroup/memory", "/")));
    }

    #[test]
    fn directories_from_every_vantage() {
        let point = "/sys/fs/cgroup";
        let table = [
            // (the mount's root, the path of the process, where it is)
            ("/", "/docker/abc", Some("/sys/fs/cgroup/docker/abc")),
            ("/", "/", Some("/sys/fs/cgroup")),
            // A bind mount of a part: what is outside cannot be seen.
            ("/docker", "/docker/abc", Some("/sys/fs/cgroup/abc")),
            ("/docker/me", "/docker/abc", None),
            // A cgroup namespace of our own: the others are beside us.
            ("/..", "/../abc", Some("/sys/fs/cgroup/abc")),
            ("/../..", "/../../system.slice/abc", Some("/sys/fs/cgroup/system.slice/abc")),
            // It climbs higher than what is mounted, or out of it.
            ("/", "/../abc", None),
            ("/", "/docker/../../abc", None),
        ];
        for (root, path, expected) in table {
            let found = mount(point, root).directory(Path::new(path));
            assert_eq!(found.as_deref(), expected.map(Path::new), "{path} under {root}");
        }
    }

    #[test]
    fn names_that_a_namespace_hides_are_searched_for() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(top.path().join("system.slice/abc")).unwrap();
        std::fs::create_dir_all(top.path().join("user.slice/other")).unwrap();
        let mount = Mount { point: top.path().to_owned(), root: "/../..".into() };
        // The path is told from one level below the top: one name in between is unknown.
        assert_eq!(mount.directory(Path::new("/../abc")), Some(top.path().join("system.slice/abc")));
        assert_eq!(mount.directory(Path::new("/../gone")), None);
        // A cgroup one level up whose name is not told, and one that two levels have.
        assert_eq!(mount.directory(Path::new("/..")), None);
        assert_eq!(mount.directory(Path::new("/")), None);
        std::fs::create_dir_all(top.path().join("system.slice/other")).unwrap();
        assert_eq!(mount.directory(Path::new("/../other")), None);
        assert_eq!(mount.directory(Path::new("/../../user.slice/other")), Some(top.path().join("user.slice/other")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Hierarchies::parse(&bytes, Path::new("/sys"));
            let _ = unescape(&bytes);
        }

        #[test]
        fn no_path_leads_out_of_the_mount(root in "(/\\.\\.|/[ab]){0,4}", path in "(/\\.\\.|/[ab]){0,5}") {
            let mount = Mount { point: "/sys/fs/cgroup".into(), root: format!("/{root}").into() };
            if let Some(found) = mount.directory(Path::new(&format!("/{path}"))) {
                prop_assert!(found.starts_with("/sys/fs/cgroup"));
                prop_assert!(!found.components().any(|part| part == Component::ParentDir), "{}", found.display());
            }
        }
    }
}
