//! `spyhop broker`: the filter for other programs; and, started by `spyhop run`, for the agent.

use super::{Exit, answer, arguments::BrokerArguments, complain, fail};
use crate::{
    app,
    broker::{self, Hello},
    telemetry::{
        Metrics,
        log::{self, Format, Level},
    },
};

/// What `spyhop run` starts this program with: known by sight, since the parser of the command line would stay in memory for good.
pub(super) const INHERITED: [&str; 2] = ["broker", "--inherited"];

pub(super) fn run(arguments: &BrokerArguments) -> Exit {
    if let Some(path) = &arguments.check {
        return match broker::answers(path) {
            true => answer("ready\n"),
            false => {
                complain(&format!("no broker answers at {}", path.display()));
                Exit::No
            }
        };
    }
    let Some(path) = &arguments.listen else { return inherited() };
    let mode = arguments.mode;
    let (config, sources) = match arguments.configuration().load_settings() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let _log = match log::init(config.log.level, config.log.format, &Metrics::default()) {
        Ok(handle) => handle,
        Err(error) => return fail(&error.to_string()),
    };
    let served = app::engine_sought(&config, &sources).and_then(|sought| {
        let listening = broker::listen(sought, path, mode)?;
        tracing::info!(path = %path.display(), mode = format!("{mode:04o}"), confined = ?listening.confined, "the broker listens");
        Ok(listening.serve()?)
    });
    match served {
        Ok(()) => {
            tracing::info!("ended");
            Exit::Ok
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the broker has stopped");
            Exit::Failed
        }
    }
}

/// The child of an agent.
pub(super) fn inherited() -> Exit {
    let mut handle = None;
    let start = |hello: &Hello| {
        let level = Level::from_word(&hello.log_level).unwrap_or(Level::Info);
        let format = Format::from_word(&hello.log_format).unwrap_or(Format::Auto);
        handle = log::init(level, format, &Metrics::default()).ok();
    };
    match broker::serve_inherited(start) {
        Ok(()) => Exit::Ok,
        // On standard error whether or not there is a log yet.
        Err(error) => fail(&format!("serve the process behind standard input: {error}")),
    }
}
