//! What may stand on the command line, and its help.

mod help;
mod render;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::help::{
    BROKER_HELP, CHECK_HELP, COMPLETIONS_HELP, EXAMPLES, EXIT_CODES, HEALTH_HELP, HELPER_NETNS_HELP, INIT_HELP,
    RUN_HELP, STATUS_HELP,
};
pub(super) use self::render::{
    CompatNames, RenderAlertsArguments, RenderCommand, RenderCommandArguments, RenderDashboardsArguments,
    RenderGrafanaArguments, RenderK8sArguments, RenderPrometheusArguments,
};
use super::{Exit, complain};
use crate::config::{self, Config, Environment, Flag, Sources};

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
    /// Write rules and configuration for Prometheus, dashboards for Grafana, or network policies for Kubernetes, from the policy
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
    #[arg(long, value_name = "PATH", required_unless_present = "check")]
    pub(super) listen: Option<PathBuf>,
    /// Ask once whether a helper answers there: exit 0 or 1
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub(super) check: Option<PathBuf>,
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
