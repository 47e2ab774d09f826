//! `spyhop helper netns`: the process with capabilities, beside the agent which has none.

use super::{
    Exit,
    arguments::{HelperCommand, HelperCommandArguments, HelperNetnsArguments},
    fail,
};
use crate::{
    helper::{self, Options},
    telemetry::{Metrics, log},
};

pub(super) fn run(arguments: HelperCommandArguments) -> Exit {
    let HelperCommand::Netns(HelperNetnsArguments { listen, allow_uid, proc }) = arguments.command;
    if let Err(error) = log::init(log::Level::Info, log::Format::Auto, &Metrics::default()) {
        return fail(&error.to_string());
    }
    match helper::run(&Options { listen, uids: allow_uid, proc }) {
        Ok(never) => match never {},
        Err(error) => fail(&format!("{:#}", anyhow::Error::from(error))),
    }
}
