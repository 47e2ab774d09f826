//! One program for every target: `SPYHOP_FUZZ_TARGET` names it. See the README beside this folder.
#![no_main]

use std::sync::OnceLock;

use spyhop::fuzzing::{TARGETS, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

fn target() -> Target {
    let wanted = std::env::var("SPYHOP_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    found.unwrap_or_else(|| panic!("SPYHOP_FUZZ_TARGET must be one of: {}", names())).1
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(target)(bytes));
