//! The `spyhop` binary: arguments -> configuration -> logging -> run -> exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any thread starts.
    spyhop::memory::limit_arenas();
    spyhop::cli::run(std::env::args_os())
}
