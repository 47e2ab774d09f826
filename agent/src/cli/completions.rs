//! `spyhop completions`: scripts for shells, made from the command line's own description.

use clap_complete::Shell as Generator;

use super::{
    Exit, answer,
    arguments::{CompletionsArguments, Shell},
};

pub(super) fn run(arguments: &CompletionsArguments, command: &mut clap::Command) -> Exit {
    let generator = match arguments.shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, command, "spyhop", &mut script);
    answer(&String::from_utf8_lossy(&script))
}
