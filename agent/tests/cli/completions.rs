//! Completion scripts: made for each shell, and accepted by the shells which are here.

use std::process::Command;

use crate::{outcome, spyhop};

#[test]
fn every_shell_has_a_script_with_the_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let run = outcome(&mut spyhop(&["completions", shell]));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        for word in ["status", "completions", "listen", "log-level", "print"] {
            assert!(run.stdout.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn bash_takes_its_script() {
    let script = outcome(&mut spyhop(&["completions", "bash"])).stdout;
    let check = format!("{script}\ncomplete -p spyhop");
    let bash = Command::new("bash").args(["--norc", "-c", &check]).output().unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    assert!(String::from_utf8_lossy(&bash.stdout).contains("-F _spyhop"));
}
