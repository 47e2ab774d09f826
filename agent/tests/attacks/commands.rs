//! `spyhop health` and `spyhop status` at an agent with TLS and credentials, with the configuration they share.

use std::fs;

use crate::{
    support::wait::{eventually, holds},
    target::{CONTAINERS, Folder, PASSWORD, TOKEN, Target, certificate, credentials, tls},
};

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The command, with the variables the agent was started with.
fn spyhop(target: &Target, variables: &[(&'static str, String)], arguments: &[&str]) -> Run {
    let mut command = std::process::Command::new(crate::support::scene::binary());
    command.args(arguments).args(["--config", "/dev/null", "--listen", &target.agent.address.to_string()]);
    let output = command.env_clear().envs(variables.iter().map(|(name, value)| (name, value))).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn start(prepare: impl FnOnce(&Folder) -> Vec<(&'static str, String)>) -> (Target, Vec<(&'static str, String)>) {
    let mut kept = Vec::new();
    let target = Target::start(|folder| {
        kept = prepare(folder);
        kept.clone()
    });
    (target, kept)
}

#[test]
fn with_the_same_configuration_both_get_in() {
    let (target, variables) = start(|folder| [tls(folder), credentials(folder, 4)].concat());
    eventually("health", || {
        let run = spyhop(&target, &variables, &["health"]);
        holds((run.code, run.stdout.as_str()) == (Some(0), "ready\n"), || run.stderr)
    });
    let run = spyhop(&target, &variables, &["status"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.contains(&format!("{CONTAINERS} containers")), "{}", run.stdout);

    // Another certificate on the port than in the file: nothing is shown to whoever that is.
    let (other, _) = certificate(2031);
    fs::write(target.folder.path().join("other.pem"), other).unwrap();
    let other = target.folder.path().join("other.pem").display().to_string();
    let mut swapped = variables.clone();
    swapped[0].1 = other.clone();
    let run = spyhop(&target, &swapped, &["status"]);
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("no TLS with") && run.stderr.contains("http.tls.cert_file"), "{}", run.stderr);
    assert_eq!(spyhop(&target, &swapped, &["health"]).code, Some(0), "health shows nothing and needs no proof");

    // At an agent elsewhere everything is given by hand.
    let own = target.folder.path().join("cert.pem").display().to_string();
    let token = target.folder.path().join("tokens").display().to_string();
    let pair = target.folder.path().join("pair");
    fs::write(&pair, format!("ann:{PASSWORD}\n")).unwrap();
    let pair = pair.display().to_string();
    for (arguments, code) in [
        (&["status", "--ca-file", &own, "--credentials-file", &token][..], 0),
        (&["status", "--ca-file", &own, "--server-name", "agent.test", "--credentials-file", &pair], 0),
        (&["status", "--insecure", "--credentials-file", &pair], 0),
        (&["status", "--ca-file", &own, "--server-name", "other.test", "--credentials-file", &token], 3),
        (&["status", "--ca-file", &other, "--credentials-file", &token], 3),
        (&["status", "--ca-file", &own, "--credentials-file", "/nonexistent"], 3),
        (&["status", "--ca-file", &own, "--credentials-file", &own], 3),
        (&["status", "--insecure"], 3),
        (&["status"], 3),
    ] {
        let run = spyhop(&target, &[], arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.contains(TOKEN) && !run.stderr.contains(PASSWORD), "{}", run.stderr);
    }
    assert!(spyhop(&target, &[], &["status", "--insecure"]).stderr.contains("wants credentials"));
}

#[test]
fn a_certificate_of_the_commands_own_lets_it_in() {
    let (client, key) = certificate(2031);
    let (target, variables) = start(|folder| {
        let roots = ("SPYHOP__HTTP__TLS__CLIENT_CA_FILE", folder.file("clients.pem", &client));
        [tls(folder), vec![roots]].concat()
    });
    let file = |name: &str, text: &str| {
        let path = target.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (stranger, strange_key) = certificate(2031);
    let identity = file("identity.pem", &format!("{client}{key}"));
    let strange = file("strange.pem", &format!("{stranger}{strange_key}"));
    let keyless = file("keyless.pem", &client);
    let mixed = file("mixed.pem", &format!("{client}{strange_key}"));
    let own = target.folder.path().join("cert.pem").display().to_string();
    for (arguments, code, says) in [
        (&["status", "--client-cert", &identity][..], Some(0), ""),
        (&["status", "--ca-file", &own, "--client-cert", &identity], Some(0), ""),
        (&["status"], Some(3), "--client-cert"),
        (&["status", "--client-cert", &strange], Some(3), "alert"),
        (&["status", "--client-cert", &keyless], Some(3), "no private key"),
        (&["status", "--client-cert", &mixed], Some(3), "mixed.pem"),
        (&["status", "--client-cert", "/nonexistent.pem"], Some(3), "/nonexistent.pem"),
    ] {
        let run = spyhop(&target, &variables, arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.to_lowercase().contains(says), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.contains("PRIVATE KEY"), "{}", run.stderr);
    }
}

#[test]
fn with_a_web_configuration_of_prometheus_exporters() {
    let (target, variables) = start(|folder| {
        let (certificate, key) = certificate(2031);
        folder.file("node.crt", &certificate);
        folder.file("node.key", &key);
        let hash = bcrypt::hash(PASSWORD, 4).unwrap();
        let web = format!(
            "tls_server_config:\n  cert_file: node.crt\n  key_file: node.key\nbasic_auth_users:\n  ann: {hash}\n"
        );
        vec![
            ("SPYHOP__HTTP__WEB_CONFIG_FILE", folder.file("web.yml", &web)),
            ("SPYHOP__HTTP__AUTH__CREDENTIALS_FILE", folder.file("pair", &format!("ann:{PASSWORD}\n"))),
        ]
    });
    eventually("health", || {
        let run = spyhop(&target, &variables, &["health"]);
        holds(run.code == Some(0), || run.stderr)
    });
    let run = spyhop(&target, &variables, &["status", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    // Without its password, which the users' file cannot give.
    let run = spyhop(&target, &variables[..1], &["status"]);
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("wants credentials"), "{}", run.stderr);
}
