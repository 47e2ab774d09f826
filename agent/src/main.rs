//! The `spyhop` binary: arguments -> configuration -> logging -> run -> exit code.

fn main() {}
