//! Trees of kernel files below a folder: copies of the recorded ones, to be read as they are or after something went wrong in them.
//! Where they come from stands in `fixtures/host/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use spyhop::{
    host::{Gone, Host, Roots, Target},
    model::{ContainerId, ContainerSample},
    telemetry::Metrics,
};
use tempfile::TempDir;

/// cgroup v1 controllers beside an empty v2 hierarchy.
pub const HYBRID: &str = "6.18-hybrid";
/// cgroup v2 with the systemd driver, and a container with a cgroup below its own.
pub const V2: &str = "7.2-v2";

/// A copy of a fixture which a test may change.
#[derive(Debug)]
pub struct Tree(TempDir);

impl Tree {
    /// A tree without any file.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a tree of files"))
    }

    /// A copy of a recorded tree.
    pub fn copy(fixture: &str) -> Self {
        let tree = Self(tempfile::tempdir().expect("a tree of files"));
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host").join(fixture);
        copy_dir(&from, tree.0.path());
        tree
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, folders included.
    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("a tree of files")).expect("a tree of files");
        fs::write(self.path(name), text).expect("a tree of files");
    }

    /// Rewrites a file.
    pub fn edit(&self, name: &str, change: impl FnOnce(&str) -> String) {
        self.write(name, &change(&fs::read_to_string(self.path(name)).expect("a tree of files")));
    }

    /// The reader over it.
    pub fn host(&self, metrics: &Metrics) -> Host {
        let roots = Roots { proc: self.path("proc"), sys: self.path("sys"), rootfs: None };
        Host::open(roots, metrics.clone())
    }

    /// One reading of its container.
    pub fn read(&self, id: &str) -> Result<ContainerSample, Gone> {
        let mut host = self.host(&Metrics::default());
        host.track(&[target(id)]);
        let mut sample = ContainerSample::default();
        host.container(&ContainerId::new(id), &mut sample).map(|()| sample)
    }
}

/// Copies a folder and all below it.
pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a tree of files");
    for entry in fs::read_dir(from).expect("a tree of files") {
        let entry = entry.expect("a tree of files");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a tree of files").is_dir() {
            true => copy_dir(&entry.path(), &to),
            false => {
                fs::copy(entry.path(), to).expect("a tree of files");
            }
        }
    }
}

/// Id of the container in [`HYBRID`].
pub fn hybrid_id() -> String {
    format!("{:0<64}", "c0ffee")
}

/// Id of the container in [`V2`].
pub fn v2_id() -> String {
    format!("{:0<64}", "beef")
}

/// The container of a tree: process 4242.
pub fn target(id: &str) -> Target {
    Target {
        id: ContainerId::new(id),
        pid: 4242,
        started_at: None,
        network: true,
        limits: spyhop::model::Limits::default(),
    }
}
