//! The real promtool, as `make test` sets it up.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
    process::Command,
};

/// Whether there is one. Where the real programs are required, there has to be.
pub(crate) fn is_here() -> bool {
    let here = Command::new(program()).arg("--version").output().is_ok();
    if !here {
        assert!(std::env::var_os("SPYHOP_REQUIRE_ENGINE").is_none(), "promtool is required here and was not found");
        println!("skipped: promtool is not installed (compose/lab/prometheus.sh installs it)");
    }
    here
}

fn program() -> OsString {
    std::env::var_os("SPYHOP_PROMTOOL").unwrap_or_else(|| "promtool".into())
}

/// Rules that Prometheus takes and no linter complains of.
pub(crate) fn check(file: &Path) {
    run(&["check", "rules", "--lint", "all", "--lint-fatal"], file).unwrap();
}

/// What a test file says of its rules.
pub(crate) fn test(file: &Path) -> Result<(), String> {
    run(&["test", "rules"], file)
}

/// The same, to the other line of Prometheus, whose windows leave their beginning out; where `make test` has set it up.
pub(crate) fn test_with_the_other(file: &Path) -> Result<(), String> {
    let name = program();
    let other = match name.to_string_lossy().strip_suffix("-2") {
        Some(stem) => format!("{stem}-3"),
        None => {
            println!("skipped: there is no promtool-3 beside {}", name.display());
            return Ok(());
        }
    };
    run_with(other.as_ref(), &["test", "rules"], file)
}

/// The same of texts, in a folder of their own.
pub(crate) fn test_texts(rules: &str, tests: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    fs::write(folder.path().join("tests.yml"), tests).unwrap();
    test(&folder.path().join("tests.yml"))
}

/// Runs it on a file; its words when it is not satisfied.
pub(crate) fn run(arguments: &[&str], file: &Path) -> Result<(), String> {
    run_with(&program(), arguments, file)
}

fn run_with(program: &OsStr, arguments: &[&str], file: &Path) -> Result<(), String> {
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("promtool {arguments:?} {}:\n{said}{complained}", file.display())),
    }
}
