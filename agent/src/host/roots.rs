//! Where the host's kernel files are, and where each cgroup controller is mounted.
//!
//! Facts: proc(5) `/proc/[pid]/mountinfo` and `/proc/[pid]/cgroup`, cgroups(7).

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use super::{
    handle::{MOUNTS_CEILING, read_once},
    parse,
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
    fn parse(mountinfo: &[u8], sys: &Path) -> Self {
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
                let controllers = row.super_options.split(',').filter(|option| CONTROLLERS.contains(option));
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

/// v1 controllers with files that are read.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "blkio", "pids"];

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
        let (path_up, path_rest) = climb(path);
        let (root_up, root_rest) = climb(&self.root);
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

/// How often a path climbs, and where it goes from there.
fn climb(path: &Path) -> (usize, PathBuf) {
    let mut parts = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir)).peekable();
    let mut up = 0;
    while parts.next_if(|part| *part == Component::ParentDir).is_some() {
        up += 1;
    }
    (up, parts.collect())
}

/// The first directory `depth` levels below `top` which holds `rest`.
fn search(top: &Path, depth: usize, rest: &Path) -> Option<PathBuf> {
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
    level.into_iter().map(|folder| folder.join(rest)).find(|candidate| candidate.is_dir())
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
