//! Loading as a whole: precedence, reports, round trips, and bytes nobody meant as a configuration.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

/// Sources from a text for the file, variables and flags.
fn sources(
    file: Option<&str>,
    variables: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> (Sources, Option<tempfile::NamedTempFile>) {
    let file = file.map(|text| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    });
    let sources = Sources {
        // A file that is surely absent would be a mistake: the default one may exist on a developer's machine.
        file: Some(file.as_ref().map_or_else(|| PathBuf::from("/dev/null"), |file| file.path().to_owned())),
        environment: variables.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        flags: flags.iter().map(|(key, value)| flag(key, value)).collect(),
    };
    (sources, file)
}

fn flag(key: &str, value: &str) -> Flag {
    Flag { name: format!("--set {key}"), key: key.to_owned(), value: value.to_owned() }
}

fn load_from(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Report> {
    let (sources, _file) = sources(Some(file), variables, flags);
    load(&sources)
}

/// Mistakes without the place of the temporary file.
fn mistakes(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    let (sources, file) = sources(Some(file), variables, flags);
    let path = file.as_ref().unwrap().path().display().to_string();
    let report = load(&sources).unwrap_err();
    report.mistakes().iter().map(|mistake| mistake.to_string().replace(&path, "f")).collect()
}

#[test]
fn later_sources_win() {
    let file = "log:\n  level: error\n";
    let variable = ("SPYHOP__LOG__LEVEL", "warn");
    let level = |config: Result<Config, Report>| config.unwrap().log.level.as_str();
    assert_eq!(level(load_from("", &[], &[])), "info");
    assert_eq!(level(load_from(file, &[], &[])), "error");
    assert_eq!(level(load_from(file, &[variable], &[])), "warn");
    assert_eq!(level(load_from(file, &[variable], &[("log.level", "debug")])), "debug");
    assert_eq!(level(load_from(file, &[variable], &[("log.level", "debug"), ("log.level", "trace")])), "trace");
    assert_eq!(level(load_from(file, &[("SPYHOP__LOG__LEVEL", "")], &[])), "error");
}

#[test]
fn docker_host_stands_below_everything_of_ours() {
    let file = "engine:\n  address: unix:///file\n";
    let host = ("DOCKER_HOST", "unix:///docker-host");
    let variable = ("SPYHOP__ENGINE__ADDRESS", "unix:///variable");
    let address = |config: Result<Config, Report>| config.unwrap().engine.address.unwrap_or_else(|| "auto".into());
    assert_eq!(address(load_from("", &[], &[])), "auto");
    assert_eq!(address(load_from("engine:\n  address: auto\n", &[host], &[])), "unix:///docker-host");
    assert_eq!(address(load_from("engine:\n  context: prod\n", &[host], &[])), "auto");
    assert_eq!(address(load_from("", &[host], &[])), "unix:///docker-host");
    assert_eq!(address(load_from(file, &[host], &[])), "unix:///file");
    assert_eq!(address(load_from(file, &[host, variable], &[])), "unix:///variable");
    assert_eq!(address(load_from(file, &[host, variable], &[("engine.address", "unix:///flag")])), "unix:///flag");
    // Meant for other tools and not in use: no mistake of ours.
    assert_eq!(address(load_from(file, &[("DOCKER_HOST", "tcp://10.0.0.1:2375")], &[])), "unix:///file");
    let wrong = mistakes("", &[("DOCKER_HOST", "tcp://me:hunter2@10.0.0.1:2375")], &[]);
    assert_eq!(wrong, ["environment DOCKER_HOST: engine.address: the engine's address is not tcp://HOST:PORT"]);
}

#[test]
fn lists_come_from_everywhere() {
    let groups = |config: Result<Config, Report>| -> Vec<&str> {
        config.unwrap().metrics.collect.iter().map(|group| group.as_str()).collect()
    };
    assert_eq!(groups(load_from("metrics: {collect: [node]}", &[], &[])), ["node", "agent"]);
    assert_eq!(
        groups(load_from("", &[("SPYHOP__METRICS__COLLECT", "node, container")], &[])),
        ["container", "node", "agent"]
    );
    assert_eq!(groups(load_from("", &[], &[("metrics.collect", "none")])), ["agent"]);
    let config =
        load_from("metrics:\n  container_labels: [\"*\"]\ncontainers:\n  exclude: [project=ci-*]\n", &[], &[]).unwrap();
    assert!(config.metrics.container_labels.iter().eq(["*"]));
    assert!(config.containers.admits("shop", "web-1") && !config.containers.admits("ci-7", "web-1"));
}

#[test]
fn mistakes_of_the_environment_and_of_flags_name_their_source() {
    let variables = [
        ("SPYHOP__HTTP__LISEN", "127.0.0.1:1"),
        ("SPYHOP__LOG__LEVEL", "loud"),
        ("SPYHOP_LOKI_URL", "http://me:hunter2@loki:3100"),
        ("SPYHOP_PORT", "tcp://10.0.0.1:9477"),
    ];
    let wrong = mistakes("", &variables, &[("http.max_connections", "many"), ("log.levle", "info")]);
    assert_eq!(
        wrong,
        [
            "environment SPYHOP_LOKI_URL: loki.url: holds credentials; use `username` and `password_file` beside it",
            "environment SPYHOP__HTTP__LISEN: no such key; did you mean SPYHOP__HTTP__LISTEN?",
            "environment SPYHOP__LOG__LEVEL: log.level: \"loud\" is not a level; known are error, warn, info, debug, trace",
            "flag --set http.max_connections: http.max_connections: \"many\" is not a whole number",
            "flag --set log.levle: log.levle: no such key; did you mean log.level?",
        ]
    );
}

#[test]
fn values_which_are_overridden_are_checked_too() {
    assert_eq!(mistakes("http:\n  listen: nowhere\n", &[], &[("http.listen", "127.0.0.1:1")]).len(), 1);
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let missing = PathBuf::from("/nonexistent/spyhop.yml");
    let by_flag = Sources { file: Some(missing.clone()), ..Sources::default() };
    let wrong = load(&by_flag).unwrap_err().mistakes()[0].to_string();
    assert!(wrong.starts_with("flag --config: read /nonexistent/spyhop.yml: No such file"), "{wrong}");
    let environment = Environment::from_iter([("SPYHOP_CONFIG".to_owned(), missing)]);
    let wrong = load(&Sources { environment, ..Sources::default() }).unwrap_err().mistakes()[0].to_string();
    assert!(wrong.starts_with("environment SPYHOP_CONFIG: read /nonexistent/spyhop.yml: No such file"), "{wrong}");
}

#[test]
fn files_which_are_no_text_or_too_large_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yml");
    for (bytes, expected) in [
        (b"log:\n  level: \xff\n".to_vec(), "is not UTF-8 text in line 2"),
        (vec![b'#'; 256 * 1024 + 1], "is larger than 262144 bytes"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let report = load(&Sources { file: Some(path.clone()), ..Sources::default() }).unwrap_err();
        assert_eq!(report.mistakes()[0].to_string(), format!("{}: {expected}", path.display()));
    }
    let report = load(&Sources { file: Some(folder.path().to_owned()), ..Sources::default() }).unwrap_err();
    assert!(report.to_string().contains("Is a directory"), "{report}");
}

#[test]
fn the_reader_takes_every_key_of_the_table() {
    let config = load_from("", &[], &[]).unwrap();
    let taken: Vec<_> = config.settings.iter().map(|setting| setting.key.facts().path).collect();
    let table: Vec<_> = keys::ALL.iter().map(|key| key.facts().path).collect();
    assert_eq!(taken, table);
}

#[test]
fn what_is_printed_loads_to_the_same_configuration() {
    let file = "\
http: {listen: \"[::1]:80\", max_unread_size: 2000000, header_timeout: 1500ms}
host: {name: \"h\u{e9}-1\", rootfs: off}
metrics: {collect: [], container_labels: [\"*\"]}
containers: {include: [project=, \"name=*\"], exclude: [project=a*b]}
services: {forget_after: 2d}
state: {directory: \"/a b/#c\"}
log: {format: text}
";
    for file in ["", file] {
        let config = load_from(file, &[], &[]).unwrap();
        let again =
            load_from(&config.to_yaml(), &[], &[]).unwrap_or_else(|report| panic!("{report}\n{}", config.to_yaml()));
        assert_eq!(reload(&config, &again), Changes::default());
        assert_eq!((&config.http, &config.host, &config.metrics), (&again.http, &again.host, &again.metrics));
    }
}

#[test]
fn a_reload_says_what_takes_effect() {
    let old = load_from("http: {header_timeout: 60s}\nlog: {level: info}", &[], &[]).unwrap();
    let same = load_from("http: {header_timeout: 1m}", &[], &[]).unwrap();
    assert_eq!(reload(&old, &same), Changes::default());
    let new = load_from("http: {listen: \"0.0.0.0:9477\"}\nlog: {level: debug}", &[], &[]).unwrap();
    let expected = Changes { reloadable: vec!["log.level"], needs_restart: vec!["http.listen", "http.header_timeout"] };
    assert_eq!(reload(&old, &new), expected);
}

#[test]
fn the_secrets_directory_follows_the_environment() {
    assert_eq!(Config::secrets_directory(&Environment::default()), PathBuf::from("/run/secrets"));
    let environment = Environment::from_iter([("SECRETS_DIR".to_owned(), "/elsewhere")]);
    assert_eq!(Config::secrets_directory(&environment), PathBuf::from("/elsewhere"));
    assert_eq!(format!("{environment:?}"), "{\"SECRETS_DIR\"}");
}

fn load_bytes(bytes: &[u8]) -> Option<Report> {
    let mut values = Values::default();
    add_bytes(&Arc::from(Path::new("f")), bytes, &mut values);
    let policy = fuzz::own_policy(&mut values);
    let _config = Config::assemble(&mut values, None, policy);
    Report::of(values.mistakes)
}

/// Lines of a file around known keys, most of them wrong in some way.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("http".to_owned()),
        Just("  listen".to_owned()),
        Just("  max_connections".to_owned()),
        Just("metrics".to_owned()),
        Just("  collect".to_owned()),
        Just("  - node".to_owned()),
        "[ -~\u{e9}\t]{0,12}",
    ];
    let value = prop_oneof![Just(":\n".to_owned()), Just(": [a, b]\n".to_owned()), ": [ -~]{0,12}\n", "[ -~\n]{0,8}"];
    prop::collection::vec((word, value).prop_map(|(word, value)| word + &value), 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic_the_loader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _report = load_bytes(&bytes).map(|report| report.to_string());
    }

    #[test]
    fn no_near_miss_panics_the_loader(text in yaml_like()) {
        let _report = load_bytes(text.as_bytes()).map(|report| report.to_string());
    }

    #[test]
    fn no_report_shows_another_line(secret in "[a-z]{12}", wrong in "[ -~]{0,20}") {
        let text = format!("http:\n  password: {secret}\n  listen: {wrong}\n  # {secret}\n");
        if let Some(report) = load_bytes(text.as_bytes()) {
            prop_assert!(!report.to_string().contains(&secret), "{}", report);
        }
    }
}

#[test]
fn access_fits_together_or_is_refused() {
    let tls = "http:\n  tls: {cert_file: cert.pem, key_file: /etc/key.pem, client_ca_file: off}\n";
    let access = load_from(tls, &[], &[]).unwrap().http.access;
    let files = access.tls.unwrap();
    assert_eq!((files.certificate, files.key, files.client_ca), ("cert.pem".into(), "/etc/key.pem".into(), None));
    let access = load_from("http:\n  allowed_hosts: [A.example, '*.B.example']\n", &[], &[]).unwrap().http.access;
    assert_eq!(access.allowed_hosts, ["a.example", "*.b.example"]);
    for (file, expected) in [
        (
            "http:\n  tls: {cert_file: a}\n",
            "f:2:20: http.tls.cert_file: is given without its key; set http.tls.key_file too",
        ),
        (
            "http:\n  tls: {key_file: a}\n",
            "f:2:19: http.tls.key_file: is given without its certificate; set http.tls.cert_file too",
        ),
        (
            "http:\n  tls: {client_ca_file: a}\n",
            "f:2:25: http.tls.client_ca_file: asks for certificates where no TLS is spoken; set http.tls.cert_file and key_file too",
        ),
        (
            "http:\n  web_config_file: a\n  auth: {users_file: b}\n",
            "f:3:22: http.auth.users_file: is given beside http.web_config_file; keep one of them",
        ),
        (
            "http:\n  auth: {bearer_token_file: ../token}\n",
            "f:2:29: http.auth.bearer_token_file: \"../token\" leaves the secrets directory; write an absolute path",
        ),
        (
            "http:\n  allowed_hosts: ['http://a']\n",
            "f:2:19: http.allowed_hosts: \"http://a\" is not a host name; write metrics.example.org or *.example.org, without a scheme and a port",
        ),
    ] {
        assert_eq!(mistakes(file, &[], &[]), [expected]);
    }
    let variable = [("SPYHOP__HTTP__TLS__CERT_FILE", "/c"), ("SPYHOP__HTTP__TLS__KEY_FILE", "/k")];
    assert!(load_from("", &variable, &[]).unwrap().http.access.tls.is_some());
}

#[test]
fn rules_on_lines_are_read_and_every_mistake_is_named() {
    let file = "logs:\n  redact: [default, vin]\n  patterns: ['ticket=TICK-(\\d{1,9})']\n  drop: [text=/healthz]\n  sample: [1/10 text=ping]\n  min_level: info\n  rate_lines: 100\n  rate_size: 1MiB\n  exclude: [name=noisy*]\n";
    let config = load_from(file, &[], &[]).unwrap();
    let logs = &config.logs.lines;
    assert_eq!(format!("{:?}", logs.redact.names), r#"{"credentials", "tokens", "private_keys", "cards", "vin"}"#);
    assert_eq!((logs.redact.own.len(), logs.rules.drop.len(), logs.rules.sample.len()), (1, 1, 1));
    assert_eq!((logs.rules.rate.lines, logs.rules.rate.bytes), (Some(100), Some(1 << 20)));
    assert!(!logs.containers.admits("", "noisy-1"));
    let again = load_from(&config.to_yaml(), &[], &[]).unwrap();
    assert_eq!((&again.logs.lines, reload(&config, &again)), (logs, Changes::default()));
    // In the environment an item a line: expressions have commas.
    let variable = ("SPYHOP__LOGS__PATTERNS", "a=x{1,2}\nb=y\n");
    assert_eq!(load_from("", &[variable], &[]).unwrap().logs.lines.redact.own.len(), 2);
    let file = "logs:\n  redact: [vins]\n  patterns: ['a=(', 'b=c', 'b=d']\n  drop: [healthz]\n  sample: [1/1]\n  min_level: loud\n  rate_lines: 0\n";
    assert_eq!(
        mistakes(file, &[], &[]),
        [
            "f:2:12: logs.redact: \"vins\" is not a pattern; did you mean vin? known are default, credentials, tokens, private_keys, cards, email, vin, vin_any",
            "f:3:14: logs.patterns: \"a=(\" is not a regular expression: unclosed group; write NAME=REGEX, such as ticket=TICK-[0-9]+",
            "f:4:10: logs.drop: \"healthz\" is not text=TEXT or regex=REGEX; write it as in text=GET /healthz",
            "f:5:12: logs.sample: \"1/1\" is not 1/N with N from 2 to 1000000, alone or before text=TEXT or regex=REGEX; write it as in 1/10 text=GET /ping",
            "f:6:14: logs.min_level: \"loud\" is not a level; known are trace, debug, info, warn, error, critical, fatal",
            "f:7:15: logs.rate_lines: \"0\" is not a number of lines; write 1 to 1000000 lines a second, or off",
        ]
    );
}

#[test]
fn keys_of_traces_that_do_not_go_together_are_named() {
    let otlp = "otlp: {endpoint: 'http://tempo:4317'}\n";
    for (more, expected) in [
        (
            "state: {directory: off}\ntraces: {sync: always}\n",
            "default: traces.sync: is always, and there is no disk to keep anything on; set state.directory",
        ),
        (
            "traces: {max_pending_size: 1MiB}\n",
            "default: traces.max_pending_size: is smaller than one request may be; raise it, or lower traces.max_request_size: one request has to fit",
        ),
        (
            "traces: {keep_slow: 1s}\n",
            "default: traces.keep_slow: has no time to wait; set traces.keep_errors, which says how long traces wait",
        ),
    ] {
        assert_eq!(mistakes(&format!("{otlp}{more}"), &[], &[]), [expected]);
    }
    assert!(
        load_from(&format!("{otlp}state: {{directory: /var/lib/a}}\ntraces: {{sync: always}}\n"), &[], &[]).is_ok()
    );
}
