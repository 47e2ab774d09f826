//! What the agent itself uses, from its own /proc/self: never from the configured root, which may be another pid namespace's.

use std::{fs, io::Read as _, time::Duration};

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

/// Resource use of the agent's process. `None`: not readable here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessSample {
    /// CPU time in user and kernel mode, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Address space in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open files.
    pub open_fds: Option<u64>,
    /// Soft limit of open files; `None` also when unlimited.
    pub max_fds: Option<u64>,
    /// Start of the process, as time since the host started.
    pub started_after_boot: Option<Duration>,
    /// Threads.
    pub threads: Option<u64>,
}

/// Reads all of it anew.
pub(super) fn read(into: &mut ProcessSample) {
    *into = read_stat().and_then(|stat| parse(&stat)).unwrap_or_default();
    into.open_fds = open_fds();
    into.max_fds = getrlimit(Resource::Nofile).current;
}

/// In one read: the kernel adds all threads up for each.
fn read_stat() -> Option<String> {
    let mut stat = vec![0; 2048];
    let length = fs::File::open("/proc/self/stat").ok()?.read(&mut stat).ok()?;
    stat.truncate(length);
    String::from_utf8(stat).ok()
}

/// Parses /proc/self/stat (proc_pid_stat(5)); the command in parentheses may hold anything, parentheses too.
fn parse(stat: &str) -> Option<ProcessSample> {
    let (_, fields) = stat.rsplit_once(')')?;
    // The first field behind the command is field 3 of the manual.
    let mut fields = fields.split_ascii_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    let (user, system) = (fields.next()??, fields.next()??);
    let threads = fields.nth(4)?;
    let started = fields.nth(1)?;
    let virtual_bytes = fields.next()?;
    let resident_pages = fields.next()?;
    let ticks = clock_ticks_per_second();
    Some(ProcessSample {
        cpu_seconds: Some((user + system) as f64 / ticks as f64),
        resident_bytes: resident_pages.map(|pages| pages * page_size() as u64),
        virtual_bytes,
        started_after_boot: started.map(|started| Duration::from_secs_f64(started as f64 / ticks as f64)),
        threads,
        ..ProcessSample::default()
    })
}

/// Linux 6.2 and newer give the number of open files as the size of the directory; before, it is 0 and they are counted.
/// Counting costs milliseconds with the handles of a thousand containers open.
fn open_fds() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => fs::read_dir(FOLDER).ok().map(|entries| entries.count() as u64),
        size => Some(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_command_with_parentheses() {
        let stat =
            "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 5 0 1234 7340032 300 18446744073709551615 1";
        let sample = parse(stat).unwrap();
        let ticks = clock_ticks_per_second() as f64;
        assert_eq!(sample.cpu_seconds, Some(400.0 / ticks));
        assert_eq!(sample.threads, Some(5));
        assert_eq!(sample.started_after_boot, Some(Duration::from_secs_f64(1234.0 / ticks)));
        assert_eq!(sample.virtual_bytes, Some(7_340_032));
        assert_eq!(sample.resident_bytes, Some(300 * page_size() as u64));
    }

    #[test]
    fn short_or_odd_input_is_unknown() {
        for stat in
            ["", "7 (a", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 4194560 100 0 0 0 x 150 0 0 20 0 5 0 1234 7340032 300"]
        {
            assert_eq!(parse(stat), None, "{stat}");
        }
    }

    #[test]
    fn reads_this_process() {
        let mut sample = ProcessSample::default();
        read(&mut sample);
        let _held = fs::File::open("/proc/self/stat").unwrap();
        assert!(sample.resident_bytes.unwrap() > 0 && sample.virtual_bytes >= sample.resident_bytes);
        assert!(sample.threads.unwrap() >= 1);
        assert!(sample.open_fds.unwrap() >= 3);
        assert!(sample.max_fds.is_none_or(|max| max >= sample.open_fds.unwrap()));
    }
}
