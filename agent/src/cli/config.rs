//! `spyhop config check|print`.

use super::{
    Exit, answer,
    arguments::{ConfigCommand, ConfigCommandArguments},
};
use crate::config::DEFAULT_FILE;

pub(super) fn run(arguments: ConfigCommandArguments) -> Exit {
    let (arguments, print) = match arguments.command {
        ConfigCommand::Check(arguments) => (arguments, false),
        ConfigCommand::Print(arguments) => (arguments, true),
    };
    match (arguments.load(), print) {
        (Err(exit), _) => exit,
        (Ok((config, _)), true) => answer(&config.to_yaml()),
        (Ok((config, _)), false) => answer(&match config.file {
            Some(file) => format!("ok: {}\n", file.display()),
            None => format!("ok: no file at {DEFAULT_FILE}, defaults apply\n"),
        }),
    }
}
