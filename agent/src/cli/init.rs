//! `spyhop init`: a policy from what runs now.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Exit, answer, arguments::InitArguments, complain, fail, look::look};
use crate::{
    app,
    config::{self, Config, Sources},
    inventory::Snapshot,
    isolation::{learn, passive::Observed},
    targets::Standpoint,
};

/// Between two looks at the kernel's lists of sockets, which keep what has ended in order for a minute.
const PACE: Duration = Duration::from_secs(5);

/// Longest that connections are watched.
const MAX_OBSERVED: Duration = Duration::from_secs(24 * 3600);

pub(super) fn run(arguments: InitArguments) -> Exit {
    let InitArguments { out, observe, config } = arguments;
    let (config, sources) = match config.load_settings() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let snapshot = match look(&config, &sources) {
        Ok(snapshot) => snapshot,
        Err(error) => return fail(&format!("{error:#}")),
    };
    let observed = match observe.map(|time| watch(&config, &sources, &snapshot, time.min(MAX_OBSERVED))).transpose() {
        Ok(observed) => observed,
        Err(why) => return fail(&format!("connections cannot be watched: {why}")),
    };
    let policy = learn(&snapshot, observed.as_ref(), Timestamp::now());
    // What cannot be read back helps nobody: a host of many hundred services may come to more than a file may have.
    if let Err(report) = config::check_policy(&policy) {
        return fail(&format!("what runs here cannot be written as a policy:\n{report}"));
    }
    match out {
        None => answer(&policy),
        Some(path) => match write(&path, &policy) {
            Ok(()) => {
                complain(&format!("wrote {}; read it, then try `spyhop check`", path.display()));
                Exit::Ok
            }
            Err(error) => fail(&format!("write {}: {error}", path.display())),
        },
    }
}

/// Ways that are kept; a service that talks to everybody outside has one for each address.
const MAX_WAYS: usize = 10_000;

/// Watches who talks with whom for a while, one look at least, and says on standard error how far it is.
///
/// # Errors
/// Why nothing can be seen here.
fn watch(config: &Config, sources: &Sources, snapshot: &Arc<Snapshot>, time: Duration) -> Result<Observed, String> {
    let elsewhere = app::engine_endpoint(config, sources).is_ok_and(|endpoint| endpoint.is_elsewhere());
    let around = app::IsolationAround {
        elsewhere,
        port: config.http.listen.port(),
        own: Standpoint::own_container_in(snapshot, !elsewhere),
        helper: None,
        probes: Default::default(),
    };
    let mut eyes = app::isolation_eyes(config, &around)?;
    let begun = Instant::now();
    let mut all = eyes.sweep(snapshot, Timestamp::now());
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        complain(&format!("{} ways seen so far, {} to go", all.flows.len(), config::show_duration(whole(left))));
        std::thread::sleep(left.min(PACE));
        for (edge, count) in eyes.sweep(snapshot, Timestamp::now()).flows {
            if all.flows.len() < MAX_WAYS || all.flows.contains_key(&edge) {
                *all.flows.entry(edge).or_default() += count;
            }
        }
    }
    Ok(all)
}

/// In whole seconds, for people.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}

/// Never over a file that is there: somebody may have written it by hand.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
