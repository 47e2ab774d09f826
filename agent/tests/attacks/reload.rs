//! Files that change under the running agent.

use std::{fs, path::Path, time::Instant};

use crate::{
    support::{
        process,
        wait::{eventually, holds},
        wire,
    },
    target::{Folder, PASSWORD, TOKEN, Target, certificate, credentials},
};

fn status(target: &Target, token: &str) -> u16 {
    target.agent.get("/api/v1/version", &[("Authorization", &format!("Bearer {token}"))]).unwrap().status
}

/// As an editor does it, and as a careful script does.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn tokens_are_rotated_by_changing_the_file() {
    let target = Target::start(|folder| credentials(folder, 4));
    let tokens = target.folder.path().join("tokens");
    let next = "the-next-token-in-line";
    assert_eq!((status(&target, TOKEN), status(&target, next)), (200, 401));
    replace(&tokens, &format!("{TOKEN}\n{next}\n"));
    let start = Instant::now();
    eventually("both tokens", || holds(status(&target, next) == 200, || "not yet".into()));
    println!("taken over after {:?}", start.elapsed());
    assert_eq!(status(&target, TOKEN), 200);
    // Changed in place this time.
    fs::write(&tokens, format!("{next}\n")).unwrap();
    eventually("the old token is gone", || holds(status(&target, TOKEN) == 401, || "still taken".into()));
    assert_eq!(status(&target, next), 200);
    // Broken, and gone altogether: the last good ones stay.
    fs::write(&tokens, "short\n").unwrap();
    eventually("the mistake is in the log", || {
        holds(target.agent.log().contains("tokens, line 1"), || target.agent.log())
    });
    fs::remove_file(&tokens).unwrap();
    eventually("the absence is in the log", || {
        holds(target.agent.log().contains("No such file"), || target.agent.log())
    });
    assert_eq!((status(&target, next), status(&target, "short")), (200, 401));
    let bearer = format!("Bearer {next}");
    let page = target.agent.get("/metrics", &[("Authorization", &bearer)]).unwrap();
    assert!(page.text().contains("spyhop_access_last_reload_successful 0\n"), "{}", page.text());
    assert!(page.text().contains("spyhop_access_reloads_total{outcome=\"error\"} 2\n"));
    for secret in [TOKEN, next, PASSWORD, "$2b$"] {
        assert!(!target.agent.log().contains(secret), "{secret}");
    }
}

#[test]
fn a_signal_reads_files_at_once_and_switches_access_on_and_off() {
    let target = Target::open();
    assert_eq!(status(&target, "nothing"), 200);
    let tokens = target.folder.path().join("tokens");
    fs::write(&tokens, format!("{TOKEN}\n")).unwrap();
    let before = fs::read_to_string(target.home.config()).unwrap();
    let access = format!("http:\n  auth: {{bearer_token_file: {}}}\n", tokens.display());
    fs::write(target.home.config(), before.replacen("http:\n", &access, 1)).unwrap();
    assert!(process::signal(target.agent.pid(), rustix::process::Signal::HUP));
    eventually("a token is asked for", || holds(status(&target, "nothing") == 401, || "not yet".into()));
    assert_eq!(status(&target, TOKEN), 200);
    fs::write(target.home.config(), before).unwrap();
    assert!(process::signal(target.agent.pid(), rustix::process::Signal::HUP));
    eventually("it stands open again", || holds(status(&target, "nothing") == 200, || "not yet".into()));
}

#[test]
fn a_broken_file_at_the_start_starts_nothing() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let (certificate, _) = certificate(2031);
    let (_, another_key) = crate::target::certificate(2031);
    let cases = [
        (folder.file("empty", ""), folder.file("key.pem", &another_key), "no certificate in PEM format"),
        (folder.file("cert.pem", &certificate), folder.file("key.pem", &another_key), "do not go together"),
        (folder.file("cert.pem", &certificate), "/nonexistent".into(), "/nonexistent"),
    ];
    for (certificate, key, expected) in cases {
        let mut command = std::process::Command::new(crate::support::scene::binary());
        command.args(["run", "--config", "/dev/null", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.args(["--set", "state.directory=off", "--engine", "unix:///nonexistent.sock"]);
        command.args(["--set", &format!("http.tls.cert_file={certificate}")]);
        let output = command.args(["--set", &format!("http.tls.key_file={key}")]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(expected) && !said.contains("PRIVATE"), "{said}");
    }
}

/// Plain HTTP is answered in words where TLS is spoken, so that a wrong scheme is found quickly.
#[test]
fn the_wrong_scheme_is_said() {
    let target = Target::start(crate::target::tls);
    let answer = wire::get(target.agent.address, "/metrics", &[], crate::target::in_time()).unwrap();
    assert_eq!((answer.status, answer.text()), (400, "TLS is spoken here: https://\n"));
}
