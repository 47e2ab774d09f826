//! `spyhop run`: configuration, then the log, then the agent until it is told to stop.

use super::{Exit, arguments::ConfigArguments, fail};
use crate::{
    app,
    telemetry::{Metrics, log},
};

pub(super) fn run(arguments: ConfigArguments) -> Exit {
    let (config, sources) = match arguments.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let metrics = Metrics::default();
    let handle = match log::init(config.log.level, config.log.format, &metrics) {
        Ok(handle) => handle,
        Err(error) => return fail(&error.to_string()),
    };
    match app::run(config, sources, metrics, handle) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            // With its causes, which are not in its own text.
            tracing::error!(error = format!("{error:#}"), "the agent has stopped");
            Exit::Failed
        }
    }
}
