//! The command line: one file a command. Commands read the configuration, do their work and end with one of `Exit`'s codes.

mod arguments;
mod broker;
mod check;
mod client;
mod completions;
mod config;
mod door;
mod health;
mod helper;
mod init;
mod look;
mod render;
mod run;
mod status;
mod table;
mod version;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};

use arguments::{Arguments, Command};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// As hoped.
    Ok,
    /// The question was answered, with no: not ready, or not as the policy wants it.
    No,
    /// `check --require`: not everything could be looked at.
    Incomplete,
    /// The configuration is wrong, or something failed.
    Failed,
    /// The command line cannot be understood; the number is `EX_USAGE` of sysexits.h.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::No => 1,
            Exit::Incomplete => 2,
            Exit::Failed => 3,
            Exit::Usage => 64,
        })
    }
}

/// Runs the command which the arguments name; the first of them is the program's own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let exit = match arguments.get(1..) {
        Some(words) if words == broker::INHERITED.map(OsString::from) => broker::inherited(),
        _ => match Arguments::try_parse_from(arguments) {
            Ok(arguments) => dispatch(arguments.command),
            Err(error) => refuse(&error),
        },
    };
    exit.into()
}

fn dispatch(command: Command) -> Exit {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Render(arguments) => render::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Health(arguments) => health::run(arguments),
        Command::Version => version::run(),
        Command::Completions(arguments) => completions::run(&arguments, &mut Arguments::command()),
        Command::Helper(arguments) => helper::run(arguments),
        Command::Broker(arguments) => broker::run(&arguments),
    }
}

/// Prints help that was asked for to standard output, and what could not be understood to standard error.
fn refuse(error: &clap::Error) -> Exit {
    // Nobody is left to tell when neither can be written to.
    error.print().unwrap_or_default();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
        _ => Exit::Usage,
    }
}

/// Writes a command's answer to standard output. A reader who has seen enough (`| head`) is no failure.
fn answer(text: &str) -> Exit {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&format!("write to standard output: {error}")),
        _ => Exit::Ok,
    }
}

/// Says on standard error why a command failed.
fn fail(reason: &str) -> Exit {
    complain(reason);
    Exit::Failed
}

fn complain(reason: &str) {
    // Nobody is left to tell when standard error is closed.
    writeln!(io::stderr(), "spyhop: {reason}").unwrap_or_default();
}

/// Text from elsewhere made harmless for a terminal, and cut.
fn harmless(text: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() { '?' } else { c };
    match text.char_indices().nth(most) {
        None => text.chars().map(clean).collect(),
        Some(_) => text.chars().take(most.saturating_sub(3)).map(clean).chain("...".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_is_cut_and_disarmed() {
        assert_eq!(harmless("web-1", 5), "web-1");
        assert_eq!(harmless("web-10", 5), "we...");
        assert_eq!(harmless("a\u{1b}[2Jb\n\u{9b}", 20), "a?[2Jb??");
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
