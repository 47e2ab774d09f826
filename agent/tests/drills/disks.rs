//! Faults of filesystems: small ones of the drills' own, on files, mounted where the agent sees them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    drill::{Drill, Expect},
    stage::{Prop, Stage},
};

/// Size of each; ext4 keeps a journal of one of them.
const SIZE: u64 = 16 << 20;

/// One filesystem; unmounted when dropped.
pub(crate) struct Disk(PathBuf);

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Disk {
    /// Makes one in the folder of the drills and mounts it there. Root may use every block of it.
    fn new(folder: &Path, name: &str) -> Self {
        let (image, mount) = (folder.join(format!("{name}.img")), folder.join(name));
        fs::File::create(&image).and_then(|file| file.set_len(SIZE)).unwrap();
        fs::create_dir(&mount).unwrap();
        run("mke2fs", &["-q", "-F", "-t", "ext4", "-m", "0", "-N", "64", &image.display().to_string()]);
        run("mount", &["-o", "loop", &image.display().to_string(), &mount.display().to_string()]);
        Self(mount)
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: an agent may be looking at it.
        Command::new("umount").args(["--lazy", &self.path()]).output().ok();
    }
}

fn disk(stage: &Stage, name: &str) -> Vec<Prop> {
    vec![Prop::Disk(Disk::new(stage.folder.path(), name))]
}

fn of(props: &[Prop]) -> &Disk {
    let Prop::Disk(disk) = &props[0] else { panic!("this prop is no disk") };
    disk
}

pub(crate) fn drills() -> Vec<Drill> {
    vec![
        Drill {
            name: "full-disk",
            fault: "a filesystem is filled until nothing is left",
            prepare: |stage| disk(stage, "full-disk"),
            inject: |_, props| {
                let file = fs::File::create(of(props).0.join("x")).unwrap();
                // Until it refuses.
                let mut file = std::io::LineWriter::new(file);
                while std::io::Write::write_all(&mut file, &[0; 65536]).is_ok() {}
            },
            repair: |_, props| fs::remove_file(of(props).0.join("x")).unwrap(),
            expected: vec![
                Expect {
                    alert: "SpyhopDiskAlmostFull",
                    severity: "critical",
                    labels: &[("mountpoint", "MOUNT/full-disk")],
                    seconds_before: 0,
                },
                Expect {
                    alert: "SpyhopDiskFillingUp",
                    severity: "warning",
                    labels: &[("mountpoint", "MOUNT/full-disk")],
                    seconds_before: 0,
                },
            ],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "crowded-disk",
            fault: "a filesystem is given as many files as it can have",
            prepare: |stage| disk(stage, "crowded-disk"),
            inject: |_, props| {
                let folder = &of(props).0;
                for number in 0.. {
                    if fs::File::create(folder.join(number.to_string())).is_err() {
                        break;
                    }
                }
            },
            repair: |_, props| {
                for entry in fs::read_dir(&of(props).0).unwrap().flatten() {
                    fs::remove_file(entry.path()).ok();
                }
            },
            expected: vec![Expect {
                alert: "SpyhopInodesLow",
                severity: "critical",
                labels: &[("mountpoint", "MOUNT/crowded-disk")],
                seconds_before: 0,
            }],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "closed-disk",
            fault: "a filesystem that could be written is remounted read-only, as the kernel does after an error",
            prepare: |stage| disk(stage, "closed-disk"),
            inject: |_, props| run("mount", &["-o", "remount,ro", &of(props).path()]),
            repair: |_, props| run("mount", &["-o", "remount,rw", &of(props).path()]),
            expected: vec![Expect {
                alert: "SpyhopFilesystemReadOnly",
                severity: "critical",
                labels: &[("mountpoint", "MOUNT/closed-disk")],
                seconds_before: 0,
            }],
            then: Vec::new(),
            may: &[],
        },
    ]
}
