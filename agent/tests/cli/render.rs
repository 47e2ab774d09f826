//! `spyhop render`: files from a policy, and how it ends.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{outcome, repository, spyhop};

#[test]
fn the_default_rules_are_those_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("made/rules");
    let run = outcome(spyhop(&["render", "alerts", "--set", "policy.file=off", "--out"]).arg(&out));
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let mut names: Vec<_> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "agent.yml",
            "containers.yml",
            "host.yml",
            "isolation.yml",
            "logs.yml",
            "policy.yml",
            "probes.yml",
            "targets.yml",
            "traces.yml"
        ]
    );
    for name in &names {
        let shipped = fs::read_to_string(repository("alerts").join(name)).unwrap();
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), shipped, "{name}");
    }
    // A second time over the first.
    let again =
        outcome(spyhop(&["render", "alerts", "--set", "policy.file=off", "--time-scale", "0.01", "--out"]).arg(&out));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(fs::read_to_string(out.join("agent.yml")).unwrap().contains("for: 3s"));
}

#[test]
fn the_default_dashboards_are_those_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let run = outcome(spyhop(&["render", "dashboards", "--set", "policy.file=off", "--out"]).arg(folder.path()));
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let names = |folder: &Path| {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    let shipped = repository("dashboards");
    assert_eq!(names(folder.path()), names(&shipped));
    for name in names(&shipped) {
        let [made, there] =
            [folder.path(), &shipped].map(|folder: &Path| fs::read_to_string(folder.join(&name)).unwrap());
        assert_eq!(made, there, "{name}");
    }
}

/// The thresholds of a policy stand in the boards that it has a say in, and in no other.
#[test]
fn dashboards_have_the_thresholds_of_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let policy = repository("agent/tests/fixtures/policy/objectives.yml");
    let run = outcome(
        spyhop(&["render", "dashboards", "--set", &format!("policy.file={}", policy.display()), "--out"])
            .arg(folder.path()),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let read = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let objectives = read(folder.path(), "slo.json");
    for part in ["/^shop-api-answers( .*)?$/", "\"value\": 14.4", "\"value\": 0.001"] {
        assert!(objectives.contains(part), "{part} is not in\n{objectives}");
    }
    assert!(!read(&repository("dashboards"), "slo.json").contains("shop-api"));
    assert_eq!(read(folder.path(), "host.json"), read(&repository("dashboards"), "host.json"));
}

#[test]
fn without_a_folder_all_comes_on_standard_output() {
    let run = outcome(&mut spyhop(&["render", "alerts", "--set", "policy.file=off", "--job", "whales"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.starts_with("# agent.yml\n") && run.stdout.contains("---\n# containers.yml\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("up{job=\"whales\"}") && !run.stdout.contains("job=\"spyhop\""));
    let prometheus = outcome(&mut spyhop(&[
        "render",
        "prometheus",
        "--set",
        "policy.file=off",
        "--target",
        "a:1",
        "--target",
        "b:2",
    ]));
    assert_eq!(prometheus.code, 0, "{}", prometheus.stderr);
    assert!(prometheus.stdout.contains("- targets: [\"a:1\", \"b:2\"]"), "{}", prometheus.stdout);
}

#[test]
fn what_cannot_be_rendered_is_told_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yml");
    fs::write(&policy, "objectives: { http: { bad: x, total: y, target: 100% } }\n").unwrap();
    let file = format!("policy.file={}", policy.display());
    let out = folder.path().join("rules");
    let run = outcome(spyhop(&["render", "alerts", "--set", &file, "--out"]).arg(&out));
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(
        run.stderr.contains("policy.yml:1:49: objectives.http.target: \"100%\" is not a share below all"),
        "{}",
        run.stderr
    );
    assert!(!out.exists());
    let taken = outcome(spyhop(&["render", "alerts", "--set", "policy.file=off", "--out"]).arg(&policy));
    assert_eq!(taken.code, 3);
    assert!(taken.stderr.contains("write ") && taken.stderr.contains("policy.yml"), "{}", taken.stderr);
    for (arguments, code, expected) in [
        (["--time-scale", "0"], 64, "write a factor from 0.001 to 10"),
        (["--time-scale", "fast"], 64, "write a factor from 0.001 to 10"),
        (["--compat", "sloht"], 64, "sloth"),
        (["--job", "a\"b"], 3, "write the name of a scrape job"),
        (["--job", ""], 3, "write the name of a scrape job"),
    ] {
        let run = outcome(spyhop(&["render", "alerts"]).args(arguments));
        assert_eq!(run.code, code, "{arguments:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn network_policies_are_written_for_projects_that_say_something() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yml");
    let text = "projects: { shop: { services: { web: {}, db: {} }, flows: ['web -> db:5432'] }, other: { services: { x: {} } } }\n";
    fs::write(&policy, text).unwrap();
    let file = format!("policy.file={}", policy.display());
    let out = folder.path().join("policies");
    let run =
        outcome(spyhop(&["render", "k8s", "--pod-label", "io.kompose.service", "--set", &file, "--out"]).arg(&out));
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let names: Vec<_> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["networkpolicy-shop.yml"]);
    let written = fs::read_to_string(out.join("networkpolicy-shop.yml")).unwrap();
    assert!(written.contains("io.kompose.service: web") && written.contains("port: 5432"), "{written}");
    let nothing = outcome(&mut spyhop(&["render", "k8s", "--set", "policy.file=off"]));
    assert_eq!((nothing.code, nothing.stdout.as_str()), (3, ""));
    assert!(nothing.stderr.contains("no project of the policy says anything"), "{}", nothing.stderr);
    let odd = outcome(&mut spyhop(&["render", "k8s", "--set", &file, "--pod-label", "a b"]));
    assert!(odd.code == 3 && odd.stderr.contains("--pod-label"), "{}", odd.stderr);
}

#[test]
fn provisioning_for_grafana_is_written_in_its_folders() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("grafana");
    let run = outcome(spyhop(&["render", "grafana", "--out"]).arg(&out));
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    for name in ["provisioning/datasources/spyhop.yml", "provisioning/dashboards/spyhop.yml"] {
        let shipped = fs::read_to_string(repository("compose/stack/grafana").join(name)).unwrap();
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), shipped, "{name}");
    }
    let run =
        outcome(&mut spyhop(&["render", "grafana", "--loki", "off", "--prometheus", "http://p:1", "--path", "/b"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("url: http://p:1\n") && run.stdout.contains("path: /b"), "{}", run.stdout);
    assert!(!run.stdout.contains("spyhop-loki") && run.stdout.contains("spyhop-tempo"), "{}", run.stdout);
}
