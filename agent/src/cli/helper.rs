//! `spyhop helper netns`: the process with capabilities, beside the agent which has none.

use super::{
    Exit, answer,
    arguments::{HelperCommand, HelperCommandArguments, HelperNetnsArguments},
    complain, fail,
};
use crate::{
    helper::{self, Options},
    telemetry::{Metrics, log},
};

pub(super) fn run(arguments: HelperCommandArguments) -> Exit {
    let HelperCommand::Netns(HelperNetnsArguments { listen, check, allow_uid, proc }) = arguments.command;
    if let Some(path) = check {
        if helper::answers(&path) {
            return answer("ready\n");
        }
        complain(&format!("no helper answers at {}", path.display()));
        return Exit::No;
    }
    // The parser asks for one of both.
    let Some(listen) = listen else { return fail("neither --listen nor --check") };
    if let Err(error) = log::init(log::Level::Info, log::Format::Auto, &Metrics::default()) {
        return fail(&error.to_string());
    }
    match helper::run(&Options { listen, uids: allow_uid, proc }) {
        Ok(never) => match never {},
        Err(error) => fail(&format!("{:#}", anyhow::Error::from(error))),
    }
}
