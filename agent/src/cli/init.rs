//! `spyhop init`: a policy from what runs now.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use jiff::Timestamp;

use super::{Exit, answer, arguments::InitArguments, complain, fail, look::look};
use crate::{config, isolation::learn};

pub(super) fn run(arguments: InitArguments) -> Exit {
    let InitArguments { out, config } = arguments;
    let (config, sources) = match config.load_settings() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let snapshot = match look(&config, &sources) {
        Ok(snapshot) => snapshot,
        Err(error) => return fail(&format!("{error:#}")),
    };
    let policy = learn(&snapshot, None, Timestamp::now());
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

/// Never over a file that is there: somebody may have written it by hand.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
