//! Packs the table of addresses that a position-independent static program corrects when it starts: half a megabyte less on disk, for the
//! same program. The C library that is linked in has to know the packed form (`DT_RELR`), which glibc does from 2.36 on.

use std::{env, process::Command};

/// The first glibc whose start-up code reads packed relative relocations.
const GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    if native && glibc().is_some_and(|version| version >= GLIBC) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Version of the C library of this machine, which is the one that is linked; `None` with another one.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
