//! What may stand on the command line, and its help.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{Exit, complain};
use crate::{
    config::{self, Config, Environment, Flag, Sources},
    render::Scale,
};

const EXIT_CODES: &str = "\
Exit codes:
  0   as hoped
  1   health: not ready; check: something is not as it should be
  2   check --require: not everything could be looked at
  3   the configuration is wrong, or something failed
  64  the command line cannot be understood";

const EXAMPLES: &str = "\
Examples:
  spyhop run                              look at the local engine, serve on 127.0.0.1:9477
  spyhop run --listen 0.0.0.0:9477        serve on every address
  spyhop config print > spyhop.yml        a file with every key, its default and what it does
  spyhop config check --config spyhop.yml every mistake in it, with line and column
  spyhop status                           what the running agent sees";

const RUN_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  finish what is in flight, save the counters, end
  SIGHUP           read the configuration again; the log names what waits for a restart

Examples:
  spyhop run --config /etc/spyhop/spyhop.yml
  spyhop run --engine unix:///run/user/1000/docker.sock
  spyhop run --set metrics.collect=container,service --log-level debug
  SPYHOP__HTTP__LISTEN=0.0.0.0:9477 spyhop run";

const STATUS_HELP: &str = "\
It asks the agent which runs with the same configuration, and finds it by http.listen. Where that speaks TLS and wants
credentials, so does and has this command, if it may read the same files.

Examples:
  spyhop status
  spyhop status --listen 10.0.0.5:9477
  spyhop status --listen 10.0.0.5:9477 --ca-file ca.pem --server-name node5 --credentials-file token
  spyhop status --json | jq '.containers[].name'";

const HEALTH_HELP: &str = "\
It asks /health/ready of the agent which runs with the same configuration, by TLS where that speaks it. The answer takes no
credentials, and none are shown.

Exit codes:
  0  ready
  1  not ready, or no answer within 2 s
  3  the configuration is wrong

Made for HEALTHCHECK in an image without a shell:
  HEALTHCHECK CMD [\"/spyhop\", \"health\"]";

const CHECK_HELP: &str = "\
It asks the engine itself, once; no agent has to run. What is wrong with what is answered in docs/findings.md.
With --isolation it holds networks and flows against the policy (docs/isolation.md): what the engine
tells, the kernel's lists of sockets where /proc shows the containers, and with --active connections
of its own. Services that only share a network change no exit code.

Exit codes:
  0  nothing is worse than worth knowing
  1  something is
  2  nothing is, but with --require: not everything could be looked at
  3  the configuration or the policy is wrong, or the engine does not answer
  64 the command line cannot be understood

Examples:
  spyhop check
  spyhop check --set policy.file=$PWD/policy.yml --profile development
  spyhop check --format junit > findings.xml
  spyhop check --format sarif --require > findings.sarif
  spyhop check --isolation
  spyhop check --isolation --active --require --set isolation.helper=/run/spyhop/netns.sock";

const INIT_HELP: &str = "\
It asks the engine itself, once, and writes what it sees as if it were meant: a tier for each set of limits, services with what they
publish and the networks they are on, and for what is not as it should be an exception of ninety days. Read it before you believe it.
With --observe it also says who may talk to whom: what it saw. What happens seldom is not in it; watch for as long as it takes.

Examples:
  spyhop init > policy.yml
  spyhop init --observe 10m > policy.yml
  spyhop init --out /etc/spyhop/policy.yml && spyhop check";

const RENDER_ALERTS_HELP: &str = "\
It asks nobody: the same policy gives the same files. Without --out they come one after another on standard output, each below its
name. docs/alerts.md says what fires when; docs/objectives.md how objectives become rules.

Examples:
  spyhop render alerts --out /etc/prometheus/rules
  spyhop render alerts --set policy.file=$PWD/policy.yml --out rules --dashboard-base https://grafana.example
  spyhop render alerts --out rules --time-scale 0.01      a hundred times faster, for drills";

const RENDER_PROMETHEUS_HELP: &str = "\
Its head says how long Prometheus has to keep samples for the objectives of the policy. Agents which ask for credentials
need them added (docs/security.md).

Examples:
  spyhop render prometheus --target host1:9477 --target host2:9477 --out /etc/prometheus
  spyhop render prometheus --rules rules --compat-jobs";

const HELPER_NETNS_HELP: &str = "\
It needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, keeps these two alone, and says so when they are missing. It reads no configuration and
asks no engine; docs/security.md says what whoever may ask it can do.

Examples:
  spyhop helper netns --listen /run/spyhop/netns.sock --allow-uid 65534
  spyhop run --set isolation.helper=/run/spyhop/netns.sock";

const RENDER_K8S_HELP: &str = "\
It asks nobody: services are those that the policy names without a pattern. What has no place in a NetworkPolicy is told in comments;
docs/policy.md lists it. Nothing is read back.

Examples:
  spyhop render k8s --set policy.file=$PWD/policy.yml | kubectl apply --dry-run=server -f -
  spyhop render k8s --out networkpolicies --pod-label io.kompose.service";

const COMPLETIONS_HELP: &str = "\
Examples:
  spyhop completions bash > /etc/bash_completion.d/spyhop
  spyhop completions zsh > ~/.zfunc/_spyhop
  spyhop completions fish > ~/.config/fish/completions/spyhop.fish";

const BROKER_HELP: &str = "\
It answers GET of a list (docs/security.md) and nothing else: no environment's value, no command line, no file. For programs which want
to see containers and should not own the host. `spyhop run` starts one for itself and needs none of this.

Examples:
  spyhop broker --listen /run/spyhop/engine.sock
  spyhop broker --listen /run/spyhop/engine.sock --mode 0666 --engine unix:///run/podman/podman.sock
  spyhop broker --check /run/spyhop/engine.sock       for HEALTHCHECK in an image without a shell
  DOCKER_HOST=unix:///run/spyhop/engine.sock docker ps";

/// See a Docker host: every container and the host itself on one Prometheus page.
#[derive(Debug, Parser)]
#[command(name = "spyhop", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"), disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the agent until it is told to stop
    #[command(after_help = RUN_HELP)]
    Run(ConfigArguments),
    /// Show what the running agent sees, as a table
    #[command(after_help = STATUS_HELP)]
    Status(StatusArguments),
    /// Say what on this host is not as the policy, or good practice, wants it
    #[command(after_help = CHECK_HELP)]
    Check(CheckArguments),
    /// Write a policy from what runs now
    #[command(after_help = INIT_HELP)]
    Init(InitArguments),
    /// Write rules and configuration for Prometheus, or network policies for Kubernetes, from the policy
    #[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
    Render(RenderCommandArguments),
    /// Check or print the configuration
    #[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
    Config(ConfigCommandArguments),
    /// Ask the running agent whether it is ready
    #[command(after_help = HEALTH_HELP)]
    Health(ConfigArguments),
    /// Print version, revision and target
    Version,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArguments),
    /// Run what needs a capability, in a process of its own
    #[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
    Helper(HelperCommandArguments),
    /// Answer what is harmless of an engine's API on a socket of its own, with secrets taken out
    #[command(after_help = BROKER_HELP)]
    Broker(BrokerArguments),
}

#[derive(Debug, Args)]
pub(super) struct HelperCommandArguments {
    #[command(subcommand)]
    pub(super) command: HelperCommand,
}

/// What the helper does.
#[derive(Debug, Subcommand)]
pub(super) enum HelperCommand {
    /// Make sockets inside the network namespaces of containers, for an agent without capabilities
    #[command(after_help = HELPER_NETNS_HELP)]
    Netns(HelperNetnsArguments),
}

#[derive(Debug, Args)]
pub(super) struct HelperNetnsArguments {
    /// Where its socket is made: isolation.helper of the agent
    #[arg(long, value_name = "PATH")]
    pub(super) listen: PathBuf,
    /// User who may ask, by id; may be given several times. Otherwise the user it runs as
    #[arg(long, value_name = "UID")]
    pub(super) allow_uid: Vec<u32>,
    /// Where the host's /proc is
    #[arg(long, value_name = "PATH", default_value = "/proc")]
    pub(super) proc: PathBuf,
}

/// Where the configuration comes from, the same for every command.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigArguments {
    /// File to read; otherwise SPYHOP_CONFIG, or /etc/spyhop/spyhop.yml if it exists
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Address to serve on: http.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Socket of the container engine: engine.address
    #[arg(long, value_name = "ADDRESS")]
    engine: Option<String>,
    /// error, warn, info, debug or trace: log.level
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// auto, json or text: log.format
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Profiles of the policy that are in force: policy.profiles
    #[arg(long, value_name = "NAMES")]
    profile: Option<String>,
    /// Any key of docs/configuration.md; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// What the answer looks like
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(super) format: ReportFormat,
    /// Exit 2 when something could not be looked at
    #[arg(long)]
    pub(super) require: bool,
    /// Also look who reaches whom: networks and flows of the policy
    #[arg(long)]
    pub(super) isolation: bool,
    /// With it, try connections that should not come about; it needs isolation.helper
    #[arg(long, requires = "isolation")]
    pub(super) active: bool,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

/// Formats of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// A line a finding, for people
    Text,
    /// The object of /api/v1/findings
    Json,
    /// JUnit XML: a test case for each class of findings
    Junit,
    /// SARIF 2.1.0
    Sarif,
}

#[derive(Debug, Args)]
pub(super) struct BrokerArguments {
    /// Socket to listen on
    #[arg(long, value_name = "PATH", required_unless_present_any = ["inherited", "check"])]
    pub(super) listen: Option<PathBuf>,
    /// Ask once whether a broker listens there and its engine answers: exit 0 or 1
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub(super) check: Option<PathBuf>,
    /// Rights of the socket: who may connect
    #[arg(long, value_name = "OCTAL", default_value = "0660", value_parser = mode)]
    pub(super) mode: u32,
    /// Serve the process which holds the other end of standard input: what `spyhop run` starts
    #[arg(long, hide = true, conflicts_with = "listen")]
    pub(super) inherited: bool,
    /// Configuration file to read; otherwise SPYHOP_CONFIG, or /etc/spyhop/spyhop.yml if it exists
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Socket of the container engine: engine.address
    #[arg(long, value_name = "ADDRESS")]
    engine: Option<String>,
    /// error, warn, info, debug or trace: log.level
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// auto, json or text: log.format
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Any key of docs/configuration.md; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

impl BrokerArguments {
    /// Where its configuration comes from: as for every command, but that `--listen` is a socket here.
    pub(super) fn configuration(&self) -> ConfigArguments {
        ConfigArguments {
            config: self.config.clone(),
            engine: self.engine.clone(),
            log_level: self.log_level.clone(),
            log_format: self.log_format.clone(),
            set: self.set.clone(),
            ..ConfigArguments::default()
        }
    }
}

fn mode(text: &str) -> Result<u32, &'static str> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or("write rights in octal, such as 0660")
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// File to write; it must not exist. Otherwise standard output
    #[arg(long, value_name = "PATH")]
    pub(super) out: Option<PathBuf>,
    /// Watch connections for so long first, such as 5m, and write flows, egress and what is used of the host from them
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) observe: Option<Duration>,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

/// As the configuration file has it.
fn duration(text: &str) -> Result<Duration, String> {
    config::parse_duration(text).ok_or_else(|| "write a number with a unit, such as 30s, 5m or 1h".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Print the JSON of /api/v1/containers instead
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) door: DoorArguments,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

/// How to get in where the configuration does not say it: at an agent on another host.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Access")]
pub(super) struct DoorArguments {
    /// Show this: a file with a token, or with name:password; otherwise http.auth.credentials_file, or the first token the agent takes
    #[arg(long, value_name = "PATH")]
    pub(super) credentials_file: Option<PathBuf>,
    /// Speak TLS and believe certificates of these roots; otherwise exactly the one in http.tls.cert_file
    #[arg(long, value_name = "PATH")]
    pub(super) ca_file: Option<PathBuf>,
    /// Name that has to be in the certificate, with --ca-file; otherwise the address
    #[arg(long, value_name = "NAME", requires = "ca_file")]
    pub(super) server_name: Option<String>,
    /// Show this certificate: a PEM file with its key
    #[arg(long, value_name = "PATH")]
    pub(super) client_cert: Option<PathBuf>,
    /// Speak TLS and believe whoever answers
    #[arg(long, conflicts_with = "ca_file")]
    pub(super) insecure: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfigCommandArguments {
    #[command(subcommand)]
    pub(super) command: ConfigCommand,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// List every mistake of file, environment and command line; exit 0 without one, else 3
    Check(ConfigArguments),
    /// Print the configuration in use as a file, with where each value came from
    Print(ConfigArguments),
}

#[derive(Debug, Args)]
pub(super) struct RenderCommandArguments {
    #[command(subcommand)]
    pub(super) command: RenderCommand,
}

/// What to write.
#[derive(Debug, Subcommand)]
pub(super) enum RenderCommand {
    /// Write alert and recording rules, those of the policy's objectives among them
    #[command(after_help = RENDER_ALERTS_HELP)]
    Alerts(RenderAlertsArguments),
    /// Write the configuration of a Prometheus that scrapes agents and loads these rules
    #[command(after_help = RENDER_PROMETHEUS_HELP)]
    Prometheus(RenderPrometheusArguments),
    /// Write NetworkPolicies for Kubernetes from the flows of the policy
    #[command(after_help = RENDER_K8S_HELP)]
    K8s(RenderK8sArguments),
}

#[derive(Debug, Args)]
pub(super) struct RenderK8sArguments {
    /// Folder to write a file for each project to, which is made. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Label of pods that has the name of the service
    #[arg(long, value_name = "KEY", default_value = crate::render::POD_LABEL)]
    pub(super) pod_label: String,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(super) struct RenderPrometheusArguments {
    /// Folder to write prometheus.yml to, which is made. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Name of the scrape job that has the agents
    #[arg(long, value_name = "NAME", default_value = "spyhop")]
    pub(super) job: String,
    /// An agent; may be given several times
    #[arg(long, value_name = "HOST:PORT", default_value = "spyhop:9477")]
    pub(super) target: Vec<String>,
    /// An Alertmanager; may be given several times
    #[arg(long, value_name = "HOST:PORT", default_value = "alertmanager:9093")]
    pub(super) alertmanager: Vec<String>,
    /// Folder of the rule files as Prometheus sees it; otherwise beside prometheus.yml
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub(super) rules: String,
    /// Also as the jobs cadvisor, node and blackbox, for dashboards that ask for those
    #[arg(long)]
    pub(super) compat_jobs: bool,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(super) struct RenderAlertsArguments {
    /// Folder to write to, which is made; files of these names are written anew. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Name of the scrape job that has the agents
    #[arg(long, value_name = "NAME", default_value = "spyhop")]
    pub(super) job: String,
    /// Multiply every duration in the rules, 0.001 to 10
    #[arg(long, value_name = "FACTOR", value_parser = scale, default_value = "1")]
    pub(super) time_scale: Scale,
    /// Record objectives under these names as well
    #[arg(long, value_enum)]
    pub(super) compat: Vec<CompatNames>,
    /// Where the runbooks are
    #[arg(long, value_name = "URL", default_value = "docs/runbooks")]
    pub(super) runbook_base: String,
    /// Where Grafana is; otherwise links have no host
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) dashboard_base: String,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

/// Other generators whose names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompatNames {
    /// Sloth's recording rules
    Sloth,
    /// Pyrra's generic series
    PyrraGeneric,
}

fn scale(text: &str) -> Result<Scale, &'static str> {
    text.parse().ok().and_then(Scale::new).ok_or("write a factor from 0.001 to 10, such as 0.01")
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: Shell,
}

/// Shells with a completion script.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as log.level=debug")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl ConfigArguments {
    /// Everything the configuration is read from.
    fn sources(self) -> Sources {
        let named = [
            ("--listen", self.listen),
            ("--engine", self.engine),
            ("--log-level", self.log_level),
            ("--log-format", self.log_format),
            ("--profile", self.profile),
        ];
        let set = self.set.into_iter().map(|(key, value)| Flag { name: "--set".to_owned(), key, value });
        let named = named.into_iter().filter_map(|(name, value)| {
            let (_, key) = config::flags().find(|(flag, _)| *flag == name)?;
            Some(Flag { name: name.to_owned(), key: key.to_owned(), value: value? })
        });
        // A flag of its own wins over --set.
        Sources { file: self.config, environment: Environment::of_process(), flags: set.chain(named).collect() }
    }

    /// Loads the configuration, or prints every mistake in it.
    pub(super) fn load(self) -> Result<(Config, Sources), Exit> {
        Self::loaded(self.sources(), config::load)
    }

    /// The same without the policy, for commands which do not need one: it may not be there yet, or be in the middle of an edit.
    pub(super) fn load_settings(self) -> Result<(Config, Sources), Exit> {
        Self::loaded(self.sources(), config::load_settings)
    }

    fn loaded(
        sources: Sources,
        load: fn(&Sources) -> Result<Config, config::Report>,
    ) -> Result<(Config, Sources), Exit> {
        match load(&sources) {
            Ok(config) => Ok((config, sources)),
            Err(report) => {
                complain(&format!("the configuration cannot be used:\n{report}"));
                Err(Exit::Failed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_flag_of_the_table_exists_and_sets_its_key() {
        let command = Arguments::command();
        let run = command.find_subcommand("run").unwrap();
        let known: BTreeSet<_> =
            run.get_arguments().filter_map(clap::Arg::get_long).map(|long| format!("--{long}")).collect();
        for (flag, key) in config::flags() {
            assert!(known.contains(flag), "{flag} is missing");
            let parsed = Arguments::try_parse_from(["spyhop", "run", flag, "x", "--set", "log.level=y"]).unwrap();
            let Command::Run(arguments) = parsed.command else { panic!("not run") };
            let flags: Vec<_> =
                arguments.sources().flags.into_iter().map(|flag| (flag.name, flag.key, flag.value)).collect();
            let expected =
                [("--set", "log.level", "y"), (flag, key, "x")].map(|(a, b, c)| (a.into(), b.into(), c.into()));
            assert_eq!(flags, expected);
        }
    }
}
