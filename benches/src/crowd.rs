//! A thousand containers which do not exist: a scripted engine and synthetic kernel files.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{Effort, report::Report, synthetic::SyntheticHost, synthetic_v1};

const CONTAINERS: u32 = 1_000;
/// Pid of the first; above what a pid is by default, so that no real process is meant.
const FIRST_PID: u32 = 5_000_000;

/// Which cgroup version the synthetic host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy a controller.
    V1,
    /// One for all.
    V2,
}

impl Version {
    /// `/proc/<pid>/cgroup` of a container.
    pub(crate) fn cgroup(self, id: &str) -> String {
        self.lines(&format!("/docker/{id}"))
    }

    /// `/proc/1/cgroup`.
    pub(crate) fn root_cgroup(self) -> String {
        self.lines("/")
    }

    fn lines(self, path: &str) -> String {
        let mut text = String::new();
        if self == Self::V1 {
            let count = synthetic_v1::CONTROLLERS.len();
            for (number, controller) in synthetic_v1::CONTROLLERS.iter().enumerate() {
                let name = if *controller == "systemd" { "name=systemd" } else { controller };
                text.push_str(&format!("{}:{name}:{path}\n", count - number));
            }
        }
        text.push_str(&format!("0::{path}\n"));
        text
    }

    /// The cgroup folders of that path.
    pub(crate) fn folders(self, sys: &Path, path: &str) -> Vec<PathBuf> {
        let root = sys.join("fs/cgroup");
        match self {
            Self::V1 => {
                synthetic_v1::CONTROLLERS.iter().map(|c| root.join(c).join(path)).filter(|p| p.exists()).collect()
            }
            Self::V2 => vec![root.join(path)],
        }
    }
}

/// Scrapes of a thousand, and memory over many lifecycles.
pub(crate) fn measure(_agent: &Path, version: Version, _effort: Effort, report: &mut Report) -> Result<()> {
    let host = SyntheticHost::new(version)?;
    for number in 0..CONTAINERS {
        host.add(&format!("{number:064x}"), FIRST_PID + number)?;
    }
    report.note(format!("{version:?}: the scripted engine is not wired yet"));
    Ok(())
}
