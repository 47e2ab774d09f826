//! The Debian package: installed into a root of its own, as dpkg does it, run from there, and removed again.
//!
//! `SPYHOP_DEB` names the package; `make test` builds one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A root with dpkg's own files and the accounts which every system has, and nothing else.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for (file, text) in [
            ("var/lib/dpkg/status", ""),
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
        ] {
            fs::write(root.path().join(file), text).unwrap();
        }
        Self(root)
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    /// Its scripts run outside of the root, where the programs are, and are told of it in `DPKG_ROOT`.
    fn dpkg(&self, arguments: &[&str]) -> Output {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.0.path().display()))
            .args(["--force-script-chrootless", "--force-depends", "--force-not-root", "--log=/dev/null"])
            .args(arguments)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        dpkg.output().unwrap()
    }

    fn program(&self) -> Command {
        Command::new(self.path("usr/bin/spyhop"))
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The package, or the reason why there is none to test.
fn package() -> Result<PathBuf, &'static str> {
    if !Path::new("/usr/bin/dpkg").exists() {
        return Err("no dpkg on this machine");
    }
    env::var_os("SPYHOP_DEB").map(PathBuf::from).ok_or("SPYHOP_DEB names no package (`make test` builds one)")
}

#[test]
fn the_package_installs_runs_and_goes() {
    let package = match package() {
        Ok(package) => package,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let root = Root::new();
    let installed = root.dpkg(&["--install", package.to_str().unwrap()]);
    assert!(installed.status.success(), "{installed:?}");
    assert_eq!(said(&root.dpkg(&["--verify", "spyhop"])), "", "every file is as it was packed");

    assert!(root.read("etc/passwd").lines().any(|line| line.starts_with("spyhop:")), "the agent's user");
    let docker = root.read("etc/group").lines().find(|line| line.starts_with("docker:")).map(str::to_owned);
    assert!(docker.is_some_and(|line| line.ends_with(":spyhop")), "in the group of the engine's socket");

    let version = said(&root.program().arg("version").output().unwrap());
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let file = root.path("etc/spyhop/spyhop.yml");
    let checked = said(&root.program().args(["config", "check", "--config"]).arg(&file).output().unwrap());
    assert!(checked.starts_with("ok: "), "{checked}");
    // The unit's user is nobody's owner here: what it must read is readable to all.
    for inside in ["etc/spyhop/spyhop.yml", "usr/bin/spyhop", "usr/lib/systemd/system/spyhop.service"] {
        let mode = fs::metadata(root.path(inside)).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "{inside} is readable");
    }
    for shell in ["bash-completion/completions/spyhop", "zsh/vendor-completions/_spyhop"] {
        assert!(root.read(&format!("usr/share/{shell}")).contains("config"), "{shell}");
    }

    fs::write(&file, "http: {listen: 127.0.0.1:1}\n").unwrap();
    assert!(root.dpkg(&["--install", package.to_str().unwrap()]).status.success());
    assert_eq!(root.read("etc/spyhop/spyhop.yml"), "http: {listen: 127.0.0.1:1}\n", "an upgrade keeps the file");
    assert!(root.dpkg(&["--purge", "spyhop"]).status.success());
    for gone in ["usr/bin/spyhop", "etc/spyhop", "usr/lib/systemd/system/spyhop.service", "usr/share/doc/spyhop"] {
        assert!(!root.path(gone).exists(), "{gone} is left");
    }
}

/// The unit starts the program which the package brings, as the user which it makes.
#[test]
fn the_unit_fits_the_package() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let unit = fs::read_to_string(folder.join("spyhop.service")).unwrap();
    let users = fs::read_to_string(folder.join("sysusers.d/spyhop.conf")).unwrap();
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    assert_eq!(value("ExecStart"), "/usr/bin/spyhop run");
    assert_eq!(value("StateDirectory"), "spyhop", "the default state directory is /var/lib/spyhop");
    assert!(users.contains(&format!("u {} ", value("User"))));
    assert!(users.contains(&format!("m {} {}", value("User"), value("SupplementaryGroups"))));
}

/// systemd's own eye on the unit. Its only complaint may be that this machine has no such program.
#[test]
fn systemd_takes_the_unit() {
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        return println!("skipped: no systemd-analyze on this machine");
    }
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/spyhop.service");
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output().unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    let unknown: Vec<_> = complaints
        .lines()
        .filter(|line| line.contains("spyhop") && !line.contains("/usr/bin/spyhop is not executable"))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
