//! Flags and environment variables. Every flag has a variable, since a service in a compose file is configured by those.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::FalseyValueParser};
use http::Uri;

use crate::{
    knobs::{Knobs, Mode},
    logs::Levels,
    units::{self, Spread},
};

/// Neighbours one service may call.
pub const MAX_NEIGHBOURS: usize = 32;

const ABOUT: &str = "Plays any service of a stack, by configuration";

const LONG_ABOUT: &str = "Plays any service of a stack: it serves health endpoints and metrics, answers requests with a chosen latency and error \
rate, writes logs, calls its neighbours, eats memory and CPU, and ends when and how it is told to. Without any flag it is a healthy, quiet \
service on port 8080.";

const AFTER_HELP: &str = "\
Routes:
  GET  /               the service's work: takes --latency, fails at --error-rate
  GET  /health         also /health/ready and /health/live, each with its own mode
  GET  /api/...        as /, for whoever shows the token of --bearer-file
  GET  /metrics        OpenMetrics: http_request_duration_seconds, http_requests_total, demo_*
  GET  /control        the knobs as they are
  POST /control        turns knobs of the running service; a JSON object with any of
                       health ready live (a mode), latency, error_rate, log_rate,
                       memory_mib, memory_growth_mib, cpu, open (no token is asked for),
                       exit (a code)

A mode is ok, fail (503), hang (no answer) or slow:<duration>.
A duration is a number with ms, s, m or h.

Examples:
  spyhop-demo --name api --latency 5ms..40ms --error-rate 0.01 --log-rate 5
  spyhop-demo --name flaky --exit-after 3s --exit-code 1
  spyhop-demo --name hungry --memory-growth-mib 16
  curl -d '{\"health\":\"fail\"}' http://127.0.0.1:8080/control

The control route has no protection: it belongs on networks of demos and tests only.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "spyhop-demo", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// Something else than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the program does besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask a health endpoint once; exit 0 when it answers 2xx. Serves as HEALTHCHECK in an image without a shell
    Healthcheck(Healthcheck),
    /// Play Traefik: route by host and path, with TLS, and answer its API
    Traefik(Traefik),
}

/// Arguments of `traefik`.
#[derive(Debug, Args)]
pub struct Traefik {
    /// Routers: a JSON file, see compose/systems/motovault-k8s/traefik.json
    #[arg(long)]
    pub routers: PathBuf,
    /// Certificate of the entry point `websecure` with its chain, PEM
    #[arg(long)]
    pub cert: PathBuf,
    /// Its key, PEM
    #[arg(long)]
    pub key: PathBuf,
    /// Address to listen on
    #[arg(long, default_value = "0.0.0.0")]
    pub address: IpAddr,
    /// Ports of the entry points `web`, which sends everybody to the next, `websecure`, and `traefik`, which has the API; 0 takes a free one
    #[arg(long, value_delimiter = ',', default_values_t = [80, 443, 8080], value_name = "PORT")]
    pub ports: Vec<u16>,
}

/// Arguments of `healthcheck`.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// What to ask [default: /health on the port of this service]
    pub url: Option<Uri>,
    /// Port of the service, when no URL is given
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Give up after this long
    #[arg(long, value_parser = units::duration, default_value = "2s")]
    pub timeout: Duration,
}

/// How the log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Time, level, service, message, then key=value.
    Plain,
}

/// What SIGTERM and SIGINT do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnTerm {
    /// Finish running requests, then exit 0.
    Graceful,
    /// Exit 143 at once.
    Abrupt,
    /// Nothing: only SIGKILL ends it.
    Ignore,
}

/// Everything that can be set.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Name of the service in logs and answers
    #[arg(long, env = "DEMO_NAME", default_value = "demo", help_heading = "Service")]
    pub name: String,
    /// Environment it is deployed to, in log lines
    #[arg(long, env = "DEMO_ENVIRONMENT", help_heading = "Service")]
    pub environment: Option<String>,
    /// Address to listen on
    #[arg(long, env = "DEMO_ADDRESS", default_value = "0.0.0.0", help_heading = "Service")]
    pub address: IpAddr,
    /// Port to listen on; 0 takes a free one and logs it
    #[arg(long, env = "PORT", default_value_t = 8080, help_heading = "Service")]
    pub port: u16,
    /// One more port with the same routes
    #[arg(long, env = "DEMO_ALSO_PORT", help_heading = "Service")]
    pub also_port: Option<u16>,
    /// A file with the token that /api asks for; without it /api answers everybody
    #[arg(long, env = "DEMO_BEARER_FILE", help_heading = "Service")]
    pub bearer_file: Option<PathBuf>,
    /// How long / takes: a duration, or a range such as 5ms..40ms
    #[arg(long, env = "DEMO_LATENCY", default_value = "0", help_heading = "Service")]
    pub latency: Spread,
    /// Share of requests to / answered with 500, from 0 to 1
    #[arg(long, env = "DEMO_ERROR_RATE", value_parser = units::share, default_value = "0", help_heading = "Service")]
    pub error_rate: f64,

    /// What a good answer of / and /api comes to, such as order_placed: counted in demo_events_total
    #[arg(long, env = "DEMO_EVENT", help_heading = "Service")]
    pub event: Option<String>,
    /// Items in stock, shown in demo_stock_items: each good answer takes one, and what is empty is filled up
    #[arg(long, env = "DEMO_STOCK", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Service")]
    pub stock: Option<u32>,

    /// Mode of /health
    #[arg(long, env = "DEMO_HEALTH", default_value = "ok", help_heading = "Health")]
    pub health: Mode,
    /// Mode of /health/ready
    #[arg(long, env = "DEMO_READY", default_value = "ok", help_heading = "Health")]
    pub ready: Mode,
    /// Mode of /health/live
    #[arg(long, env = "DEMO_LIVE", default_value = "ok", help_heading = "Health")]
    pub live: Mode,
    /// Ask the neighbours of --relay for /health and /health/ready, too: one that fails makes them 503
    #[arg(long, env = "DEMO_HEALTH_RELAY", value_parser = FalseyValueParser::new(), help_heading = "Health")]
    pub health_relay: bool,

    /// Neighbours to call: http://, redis:// or postgres:// URLs, separated by commas
    #[arg(long, env = "DEMO_CALL", value_delimiter = ',', value_name = "URL", value_parser = neighbour, help_heading = "Neighbours")]
    pub call: Vec<Uri>,
    /// Time between two calls of one neighbour
    #[arg(long, env = "DEMO_CALL_EVERY", value_parser = units::duration, default_value = "1s", help_heading = "Neighbours")]
    pub call_every: Duration,
    /// When a call is given up
    #[arg(long, env = "DEMO_CALL_TIMEOUT", value_parser = units::duration, default_value = "2s", help_heading = "Neighbours")]
    pub call_timeout: Duration,

    /// Neighbours to ask while / and /api are answered, with the trace of the request passed on; one that fails makes it 502
    #[arg(long, env = "DEMO_RELAY", value_delimiter = ',', value_name = "URL", value_parser = neighbour, help_heading = "Neighbours")]
    pub relay: Vec<Uri>,

    /// Where spans of answers and calls go: an endpoint of OTLP over HTTP, such as http://agent:4318; without it there are none
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = endpoint, help_heading = "Traces")]
    pub otlp_endpoint: Option<Endpoint>,
    /// Name of the service in them [default: unknown_service:spyhop-demo, as of any program that was given none]
    #[arg(long, env = "OTEL_SERVICE_NAME", help_heading = "Traces")]
    pub service_name: Option<String>,

    /// Generated lines a second
    #[arg(long, env = "DEMO_LOG_RATE", value_parser = units::rate, default_value = "0", help_heading = "Logs")]
    pub log_rate: f64,
    /// Stop generating after so many lines
    #[arg(long, env = "DEMO_LOG_LINES", help_heading = "Logs")]
    pub log_lines: Option<u64>,
    /// Form of a line
    #[arg(long, env = "DEMO_LOG_FORMAT", value_enum, default_value = "json", help_heading = "Logs")]
    pub log_format: LogFormat,
    /// Weights of the levels of generated lines
    #[arg(long, env = "DEMO_LOG_LEVELS", default_value = "debug=5,info=85,warn=8,error=2", help_heading = "Logs")]
    pub log_levels: Levels,
    /// Add a stack trace to error lines: several lines when plain, one field in JSON
    #[arg(long, env = "DEMO_LOG_TRACES", value_parser = FalseyValueParser::new(), help_heading = "Logs")]
    pub log_traces: bool,
    /// Add to generated lines whom they are about, a mail address and a vehicle's number: what must not be in logs
    #[arg(long, env = "DEMO_LOG_PERSONAL", value_parser = FalseyValueParser::new(), help_heading = "Logs")]
    pub log_personal: bool,
    /// Write warnings and errors to standard error
    #[arg(long, env = "DEMO_LOG_SPLIT", value_parser = FalseyValueParser::new(), help_heading = "Logs")]
    pub log_split: bool,
    /// Write no line for a served request
    #[arg(long, env = "DEMO_LOG_NO_REQUESTS", value_parser = FalseyValueParser::new(), help_heading = "Logs")]
    pub log_no_requests: bool,

    /// Memory to hold, in MiB
    #[arg(long, env = "DEMO_MEMORY_MIB", default_value_t = 0, help_heading = "Appetite")]
    pub memory_mib: u32,
    /// Memory to take in addition every second, in MiB
    #[arg(long, env = "DEMO_MEMORY_GROWTH_MIB", default_value_t = 0, help_heading = "Appetite")]
    pub memory_growth_mib: u32,
    /// Never hold more than this, in MiB: without a container limit the host would run out instead
    #[arg(long, env = "DEMO_MEMORY_MAX_MIB", default_value_t = 1024, help_heading = "Appetite")]
    pub memory_max_mib: u32,
    /// Share of one core to keep busy, from 0 to 1
    #[arg(long, env = "DEMO_CPU", value_parser = units::share, default_value = "0", help_heading = "Appetite")]
    pub cpu: f64,

    /// Wait before listening
    #[arg(long, env = "DEMO_START_DELAY", value_parser = units::duration, default_value = "0", help_heading = "Life")]
    pub start_delay: Duration,
    /// End by itself after this long
    #[arg(long, env = "DEMO_EXIT_AFTER", value_parser = units::duration, help_heading = "Life")]
    pub exit_after: Option<Duration>,
    /// With which code
    #[arg(long, env = "DEMO_EXIT_CODE", default_value_t = 0, help_heading = "Life")]
    pub exit_code: u8,
    /// What SIGTERM and SIGINT do
    #[arg(long, env = "DEMO_ON_TERM", value_enum, default_value = "graceful", help_heading = "Life")]
    pub on_term: OnTerm,
    /// How long a graceful end waits for running requests
    #[arg(long, env = "DEMO_DRAIN", value_parser = units::duration, default_value = "5s", help_heading = "Life")]
    pub drain: Duration,
}

impl Settings {
    /// The knobs as they stand at the start.
    pub fn knobs(&self) -> Knobs {
        Knobs {
            health: self.health,
            ready: self.ready,
            live: self.live,
            latency: self.latency,
            error_rate: self.error_rate,
            log_rate: self.log_rate,
            memory_mib: self.memory_mib,
            memory_growth_mib: self.memory_growth_mib,
            cpu: self.cpu,
            open: false,
        }
    }
}

/// A URL which `client` or `stores` can ask.
fn neighbour(text: &str) -> Result<Uri, units::Malformed> {
    let malformed = || units::Malformed::new(text, "an http://, redis:// or postgres:// URL");
    let url: Uri = text.parse().map_err(|_| malformed())?;
    if matches!(url.scheme_str(), Some("http" | "redis" | "postgres")) && url.host().is_some() {
        Ok(url)
    } else {
        Err(malformed())
    }
}

/// Where spans go. An empty variable is as good as none, as the SDKs have it: compose files can hand theirs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(pub Option<Uri>);

/// A URL to which `client` can post, or nothing.
fn endpoint(text: &str) -> Result<Endpoint, units::Malformed> {
    if text.is_empty() {
        return Ok(Endpoint(None));
    }
    let url = neighbour(text).ok().filter(|url| url.scheme_str() == Some("http"));
    url.map(|url| Endpoint(Some(url))).ok_or_else(|| units::Malformed::new(text, "an http:// URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_service_has_a_variable() {
        use clap::CommandFactory;
        let without: Vec<_> = Cli::command()
            .get_arguments()
            .filter(|argument| argument.get_env().is_none())
            .map(|argument| argument.get_id().to_string())
            .filter(|id| id != "help" && id != "version")
            .collect();
        assert_eq!(without, Vec::<String>::new());
    }

    #[test]
    fn neighbours_are_what_can_be_asked() {
        let call = |text: &str| Cli::try_parse_from(["spyhop-demo", "--call", text]).map(|cli| cli.settings.call.len());
        assert_eq!(call("http://api:8080/,http://db:1/x,redis://r:6379,postgres://p").ok(), Some(4));
        for refused in ["https://api/", "api:8080", "/health", ""] {
            assert!(call(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn an_endpoint_is_over_http_or_none() {
        let endpoint = |text: &str| {
            Cli::try_parse_from(["spyhop-demo", "--otlp-endpoint", text]).map(|cli| cli.settings.otlp_endpoint)
        };
        assert_eq!(endpoint("").ok(), Some(Some(Endpoint(None))));
        assert!(
            endpoint("http://agent:4318").is_ok_and(|endpoint| endpoint.is_some_and(|endpoint| endpoint.0.is_some()))
        );
        for refused in ["https://agent:4318", "agent:4318", "redis://agent:4318"] {
            assert!(endpoint(refused).is_err(), "{refused:?}");
        }
    }
}
