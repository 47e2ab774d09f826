//! Faults that only somebody who asks can see: services of `spyhop-demo` on the engine's own bridge, which the agent on this host reaches.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::{
    drill::{Drill, Expect},
    services::deploy,
    stage::{Prop, Stage},
    support::{
        container::{Recipe, Role, Running},
        wait::{eventually, holds, patience},
        wire,
    },
};

/// Our own service, which fails as it is told to.
pub(crate) const DEMO: &str = "spyhop-demo:test";
/// The name in every certificate that is as it should be.
const NAME: &str = "shop.example";
const HOUR: u64 = 3600;

/// What the policy says of the probes of a service: nothing of the others.
pub(crate) fn of_policy(service: &str, folder: &Path) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let tls =
        |port: u16| format!("{{ tls: {port}, server_name: {NAME}, ca_file: {}, interval: 1s }}", file("authority.pem"));
    let probes = match service {
        "refusing" => "ready: { http: 8080/health/ready, interval: 1s, timeout: 1s } }, objectives: { answers: { probe: ready, target: 99% }".to_owned(),
        "dragging" => "work: { http: 8080/, interval: 1s, max_duration: 100ms }".to_owned(),
        "open" => {
            format!("api: {{ http: 8080/api/x, bearer_file: {}, unauthorized: [401], interval: 1s }}", file("token"))
        }
        "expiring" | "misnamed" => format!("tls: {}", tls(443)),
        "routeless" => "routes: { traefik: 8080, interval: 1s }".to_owned(),
        _ => return String::new(),
    };
    format!(", probes: {{ {probes} }}")
}

/// Files of the probes: a token, and an authority. Written once, before the policy is read.
pub(crate) fn files(folder: &Path) -> Authority {
    fs::write(folder.join("token"), "open-sesame\n").unwrap();
    let authority = Authority::new();
    fs::write(folder.join("authority.pem"), &authority.pem).unwrap();
    authority
}

/// Signs what the drills show.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "drills");
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// Writes a certificate for a name which ends in so many hours, and began a hundred times as long ago at most.
    fn write(&self, folder: &Path, service: &str, name: &str, hours: u64) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_before = epoch + now.saturating_sub(Duration::from_secs(24 * HOUR));
        parameters.not_after = epoch + now + Duration::from_secs(hours * HOUR);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        // In place: the container has the file, not the folder.
        fs::write(folder.join(format!("{service}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{service}.key")), key.serialize_pem()).unwrap();
    }
}

fn demo(stage: &Stage, service: &str) -> Recipe {
    let recipe = stage.docker.container(service).compose(&stage.project, service, 1).of_image(DEMO);
    recipe.options(&["--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--no-healthcheck", "--read-only"])
}

fn one(recipe: Recipe) -> Vec<Prop> {
    vec![Prop::Container(recipe.start())]
}

/// The program as Traefik, with files of the stage.
fn traefik(stage: &Stage, service: &str) -> Recipe {
    let folder = stage.folder.path();
    stage.authority.write(folder, service, NAME, 90 * 24);
    routers(stage, service, true);
    let mut options = Vec::new();
    for (file, inside) in [("pem", "cert"), ("key", "key"), ("json", "routers")] {
        options.extend(["--volume".to_owned(), format!("{}/{service}.{file}:/{inside}:ro", folder.display())]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let arguments = ["traefik", "--routers", "/routers", "--cert", "/cert", "--key", "/key"];
    demo(stage, service).options(&options).role(Role::Arguments(arguments.map(str::to_owned).into()))
}

/// The routers Traefik has: the one that labels ask for, or none.
fn routers(stage: &Stage, service: &str, complete: bool) {
    let router = format!(
        r#"{{"name": "{service}", "rule": "Host(`{NAME}`)", "entryPoints": ["websecure"], "tls": true, "server": "127.0.0.1:8080"}}"#
    );
    let list = if complete { router.as_str() } else { "" };
    fs::write(stage.folder.path().join(format!("{service}.json")), format!(r#"{{"routers": [{list}]}}"#)).unwrap();
}

/// Turns knobs of a demo service.
fn turn(props: &[Prop], change: &str) {
    let answer =
        wire::request(address(props[0].container(), 8080), "POST", "/control", &[], change, patience()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn address(container: &Running, port: u16) -> SocketAddr {
    let address = eventually("an address", || {
        let inspect = container.inspect();
        let address = inspect["NetworkSettings"]["IPAddress"].as_str().unwrap_or_default().to_owned();
        holds(!address.is_empty(), || inspect["State"].to_string()).map(|()| address)
    });
    SocketAddr::new(address.parse().unwrap(), port)
}

/// Started anew, with the files as they are now.
fn again(props: &[Prop]) {
    props[0].container().act(&["restart", "--time", "0"]);
}

fn expect(
    alert: &'static str,
    severity: &'static str,
    labels: &'static [(&'static str, &'static str)],
    seconds_before: u32,
) -> Expect {
    Expect { alert, severity, labels, seconds_before }
}

pub(crate) fn drills() -> Vec<Drill> {
    vec![
        Drill {
            name: "refusing",
            fault: "a service answers its probe with 503; it has an objective of 99 %",
            prepare: |stage| one(demo(stage, "refusing")),
            inject: |_, props| turn(props, r#"{"ready":"fail"}"#),
            repair: |_, props| turn(props, r#"{"ready":"ok"}"#),
            expected: vec![
                expect(
                    "SpyhopProbeFailing",
                    "critical",
                    &[("project", "PROJECT"), ("service", "refusing"), ("probe", "ready")],
                    60,
                ),
                // An hour of knowledge is asked for before a page about the last hour.
                expect(
                    "SpyhopSloBurnFast",
                    "critical",
                    &[("project", "PROJECT"), ("service", "refusing"), ("long", "1h")],
                    3600,
                ),
            ],
            then: Vec::new(),
            may: &["SpyhopSloBurnFast", "SpyhopSloBurnSlow", "SpyhopSloBudgetExhausted"],
        },
        Drill {
            name: "dragging",
            fault: "a service takes three times as long for an answer as its probe allows",
            prepare: |stage| one(demo(stage, "dragging")),
            inject: |_, props| turn(props, r#"{"latency":"300ms"}"#),
            repair: |_, props| turn(props, r#"{"latency":"0"}"#),
            expected: vec![expect(
                "SpyhopProbeSlow",
                "warning",
                &[("project", "PROJECT"), ("service", "dragging"), ("probe", "work")],
                300,
            )],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "open",
            fault: "an API that asked for a token answers everybody",
            prepare: |stage| {
                let token = format!("{}/token:/token:ro", stage.folder.path().display());
                one(demo(stage, "open").options(&["--volume", &token, "--env", "DEMO_BEARER_FILE=/token"]))
            },
            inject: |_, props| turn(props, r#"{"open":true}"#),
            repair: |_, props| turn(props, r#"{"open":false}"#),
            expected: vec![
                expect(
                    "SpyhopAuthenticationNotEnforced",
                    "critical",
                    &[("project", "PROJECT"), ("service", "open"), ("probe", "api")],
                    0,
                ),
                expect(
                    "SpyhopProbeFailing",
                    "critical",
                    &[("project", "PROJECT"), ("service", "open"), ("probe", "api")],
                    60,
                ),
            ],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "islanded",
            fault: "a container declares a probe and has no network",
            prepare: |stage| one(stage.sound("islanded", 1)),
            inject: |stage, props| deploy(props, stage.sound("islanded", 1).label("spyhop.probe.port", "tcp:8080")),
            repair: |stage, props| deploy(props, stage.sound("islanded", 1)),
            expected: vec![expect(
                "SpyhopProbeUnreachable",
                "warning",
                &[("project", "PROJECT"), ("service", "islanded"), ("probe", "port")],
                0,
            )],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "expiring",
            fault: "a certificate is replaced by one which ends in an hour",
            prepare: |stage| one(traefik(stage, "expiring")),
            inject: |stage, props| {
                stage.authority.write(stage.folder.path(), "expiring", NAME, 1);
                again(props);
            },
            repair: |stage, props| {
                stage.authority.write(stage.folder.path(), "expiring", NAME, 90 * 24);
                again(props);
            },
            expected: vec![expect(
                "SpyhopProbeCertificateExpiring",
                "critical",
                &[("project", "PROJECT"), ("service", "expiring"), ("probe", "tls")],
                0,
            )],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "misnamed",
            fault: "a certificate is replaced by one for another name",
            prepare: |stage| one(traefik(stage, "misnamed")),
            inject: |stage, props| {
                stage.authority.write(stage.folder.path(), "misnamed", "bank.example", 90 * 24);
                again(props);
            },
            repair: |stage, props| {
                stage.authority.write(stage.folder.path(), "misnamed", NAME, 90 * 24);
                again(props);
            },
            expected: vec![
                expect(
                    "SpyhopProbeCertificateInvalid",
                    "critical",
                    &[("project", "PROJECT"), ("service", "misnamed"), ("probe", "tls"), ("check", "names")],
                    0,
                ),
                expect(
                    "SpyhopProbeFailing",
                    "critical",
                    &[("project", "PROJECT"), ("service", "misnamed"), ("probe", "tls")],
                    60,
                ),
            ],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "routeless",
            fault: "Traefik loses the router that a label asks for",
            prepare: |stage| {
                let label = format!("traefik.http.routers.routeless.rule=Host(`{NAME}`)");
                let labels = [
                    "--label",
                    "traefik.enable=true",
                    "--label",
                    &label,
                    "--label",
                    "traefik.http.routers.routeless.tls=true",
                ];
                one(traefik(stage, "routeless").options(&labels))
            },
            inject: |stage, props| {
                routers(stage, "routeless", false);
                again(props);
            },
            repair: |stage, props| {
                routers(stage, "routeless", true);
                again(props);
            },
            expected: vec![
                expect("SpyhopRouteMissing", "critical", &[("project", "PROJECT"), ("service", "routeless")], 0),
                expect(
                    "SpyhopProbeFailing",
                    "critical",
                    &[("project", "PROJECT"), ("service", "routeless"), ("probe", "routes")],
                    60,
                ),
            ],
            then: Vec::new(),
            may: &[],
        },
    ]
}
