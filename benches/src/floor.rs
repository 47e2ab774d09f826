//! The floor: what reading the same kernel files costs a program which does nothing else.
//!
//! It depends on what the processor did before: read over and over in a loop the files cost a fifth less than once after a pause, in
//! which the caches are somebody else's. An agent reads once after a pause, so the sweep which it is compared with takes turns with
//! its scrapes, one by one; the loop is measured beside it.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};

/// Large enough for the largest of these files of one record; one read, as the agent does.
const BUFFER: usize = 64 * 1024;

/// Tables, which the kernel hands out a page at a time (fs/seq_file.c), and below which length a piece is the last one, as the agent
/// sees it: the host's interfaces are five pieces with a hundred containers.
const TABLES: [&str; 4] = ["stat", "meminfo", "diskstats", "dev"];
const LAST_PIECE: usize = 3072;

/// The files, kept open.
#[derive(Debug)]
pub(crate) struct Floor {
    paths: Vec<PathBuf>,
    files: Vec<(File, bool)>,
    buffer: Vec<u8>,
}

impl Floor {
    /// The kernel files which a running agent keeps open, read through handles of our own.
    ///
    /// Asking the agent's own handle table keeps the two comparable: the floor reads what the agent reads, whatever that is. Files
    /// which the agent opens anew at each scrape are not counted, which can only make the floor lower.
    pub(crate) fn of(pid: u32, roots: &[&Path]) -> Result<Self> {
        let own = Path::new("/proc").join(pid.to_string());
        // A file of /proc/<pid>/net which somebody else has opened since is shown as deleted and is not.
        let named = |path: PathBuf| PathBuf::from(path.to_string_lossy().trim_end_matches(" (deleted)"));
        let mut paths: Vec<PathBuf> = fs::read_dir(own.join("fd"))
            .with_context(|| format!("list the handles of {pid}"))?
            .filter_map(|handle| fs::read_link(handle.ok()?.path()).ok())
            .map(named)
            .filter(|path| roots.iter().any(|root| path.starts_with(root)) && !path.starts_with(&own) && path.is_file())
            .collect();
        paths.sort();
        ensure!(!paths.is_empty(), "the agent keeps no kernel file open under {roots:?}");
        let open = |path: &PathBuf| {
            let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
            anyhow::Ok((file, is_table(path)))
        };
        let files = paths.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { paths, files, buffer: vec![0; BUFFER] })
    }

    /// How many files.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// CPU time of reading each once through the kept handles, averaged over `sweeps`.
    pub(crate) fn kept(&mut self, sweeps: u32) -> Result<Duration> {
        let Self { files, buffer, .. } = self;
        timed(sweeps, || {
            for (file, table) in files.iter() {
                read(file, *table, buffer).context("read a kept handle")?;
            }
            Ok(())
        })
    }

    /// CPU time of opening, reading and closing each once, averaged over `sweeps`.
    pub(crate) fn opened(&mut self, sweeps: u32) -> Result<Duration> {
        let Self { paths, buffer, .. } = self;
        timed(sweeps, || {
            for path in paths.iter() {
                read(&File::open(path)?, is_table(path), buffer).context("read a fresh handle")?;
            }
            Ok(())
        })
    }
}

fn is_table(path: &Path) -> bool {
    TABLES.iter().any(|name| path.file_name().is_some_and(|file| file == *name))
}

/// Reads a whole file with as few calls as the agent, and looks at nothing.
fn read(file: &File, table: bool, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut at = 0;
    loop {
        let length = file.read_at(buffer, at)?;
        at += length as u64;
        if !table || length < LAST_PIECE {
            return Ok(());
        }
    }
}

fn timed(sweeps: u32, mut sweep: impl FnMut() -> Result<()>) -> Result<Duration> {
    let start = thread_time()?;
    for _ in 0..sweeps {
        sweep()?;
    }
    Ok((thread_time()?.saturating_sub(start)) / sweeps)
}

/// CPU time of this thread.
fn thread_time() -> Result<Duration> {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Ok(Duration::new(u64::try_from(time.tv_sec)?, u32::try_from(time.tv_nsec)?))
}
