//! The test image: a static busybox in an otherwise empty image, built on the engine it is needed on.
//!
//! No registry is asked for anything. Busybox rather than a program of ours, because tests want a shell inside: for
//! health checks, for disk and network traffic, for running out of memory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::docker::Docker;

const TAG: &str = "spyhop-test/busybox:1";
const DOCKERFILE: &str =
    "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\nENTRYPOINT [\"/bin/busybox\"]\n";

/// Makes sure that the image is there; its name.
pub fn ensure(docker: &Docker) -> Result<String, String> {
    if docker.cli(&["image", "inspect", TAG]).is_ok() {
        return Ok(TAG.to_owned());
    }
    let busybox = find()?;
    let context = tempfile::tempdir().map_err(|error| format!("make a folder for the image: {error}"))?;
    let copy = |from: &Path| fs::copy(from, context.path().join("busybox"));
    copy(&busybox).map_err(|error| format!("copy {}: {error}", busybox.display()))?;
    fs::write(context.path().join("Dockerfile"), DOCKERFILE).map_err(|error| format!("write Dockerfile: {error}"))?;
    docker.cli(&["build", "--quiet", "--tag", TAG, &context.path().display().to_string()])?;
    Ok(TAG.to_owned())
}

fn find() -> Result<PathBuf, String> {
    let named = std::env::var_os("SPYHOP_BUSYBOX").map(PathBuf::from);
    let cached = super::prometheus::cache().map(|cache| cache.join("bin/busybox"));
    let usual = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
    named
        .into_iter()
        .chain(cached)
        .chain(usual)
        .find(|path| is_static(path))
        .ok_or_else(|| "no static busybox: install busybox-static or set SPYHOP_BUSYBOX".to_owned())
}

/// A program that names no interpreter needs no library.
fn is_static(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| {
        let head = bytes.get(..4096).unwrap_or(&bytes);
        head.starts_with(b"\x7fELF") && !head.windows(8).any(|part| part == b"/ld-linu")
    })
}
