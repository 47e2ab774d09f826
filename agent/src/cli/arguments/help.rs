//! What `--help` says behind the options of each command.

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0   as hoped
  1   health: not ready; check: something is not as it should be
  2   check --require: not everything could be looked at
  3   the configuration is wrong, or something failed
  64  the command line cannot be understood";

pub(super) const EXAMPLES: &str = "\
Examples:
  spyhop run                              look at the local engine, serve on 127.0.0.1:9477
  spyhop run --listen 0.0.0.0:9477        serve on every address
  spyhop config print > spyhop.yml        a file with every key, its default and what it does
  spyhop config check --config spyhop.yml every mistake in it, with line and column
  spyhop status                           what the running agent sees";

pub(super) const RUN_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  finish what is in flight, save the counters, end
  SIGHUP           read the configuration again; the log names what waits for a restart

Examples:
  spyhop run --config /etc/spyhop/spyhop.yml
  spyhop run --engine unix:///run/user/1000/docker.sock
  spyhop run --set metrics.collect=container,service --log-level debug
  SPYHOP__HTTP__LISTEN=0.0.0.0:9477 spyhop run";

pub(super) const STATUS_HELP: &str = "\
It asks the agent which runs with the same configuration, and finds it by http.listen. Where that speaks TLS and wants
credentials, so does and has this command, if it may read the same files.

Examples:
  spyhop status
  spyhop status --listen 10.0.0.5:9477
  spyhop status --listen 10.0.0.5:9477 --ca-file ca.pem --server-name node5 --credentials-file token
  spyhop status --json | jq '.containers[].name'";

pub(super) const HEALTH_HELP: &str = "\
It asks /health/ready of the agent which runs with the same configuration, by TLS where that speaks it. The answer takes no
credentials, and none are shown.

Exit codes:
  0  ready
  1  not ready, or no answer within 2 s
  3  the configuration is wrong

Made for HEALTHCHECK in an image without a shell:
  HEALTHCHECK CMD [\"/spyhop\", \"health\"]";

pub(super) const CHECK_HELP: &str = "\
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

pub(super) const INIT_HELP: &str = "\
It asks the engine itself, once, and writes what it sees as if it were meant: a tier for each set of limits, services with what they
publish and the networks they are on, and for what is not as it should be an exception of ninety days. Read it before you believe it.
With --observe it also says who may talk to whom: what it saw. What happens seldom is not in it; watch for as long as it takes.

Examples:
  spyhop init > policy.yml
  spyhop init --observe 10m > policy.yml
  spyhop init --out /etc/spyhop/policy.yml && spyhop check";

pub(super) const RENDER_ALERTS_HELP: &str = "\
It asks nobody: the same policy gives the same files. Without --out they come one after another on standard output, each below its
name. docs/alerts.md says what fires when; docs/objectives.md how objectives become rules.

Examples:
  spyhop render alerts --out /etc/prometheus/rules
  spyhop render alerts --set policy.file=$PWD/policy.yml --out rules --dashboard-base https://grafana.example
  spyhop render alerts --out rules --time-scale 0.01      a hundred times faster, for drills";

pub(super) const RENDER_DASHBOARDS_HELP: &str = "\
It asks nobody: the same policy gives the same files. They name no data source of yours, which Grafana lets you choose on each of them, and
can be imported or provisioned (docs/dashboards.md). Without a policy they are those of dashboards/.

Examples:
  spyhop render dashboards --out /etc/grafana/dashboards
  spyhop render dashboards --set policy.file=$PWD/policy.yml --out dashboards";

pub(super) const RENDER_PROMETHEUS_HELP: &str = "\
Its head says how long Prometheus has to keep samples for the objectives of the policy. Agents which ask for credentials
need them added (docs/security.md).

Examples:
  spyhop render prometheus --target host1:9477 --target host2:9477 --out /etc/prometheus
  spyhop render prometheus --rules rules --compat-jobs";

pub(super) const HELPER_NETNS_HELP: &str = "\
It needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, keeps these two alone, and says so when they are missing. It reads no configuration and
asks no engine; docs/security.md says what whoever may ask it can do.

Examples:
  spyhop helper netns --listen /run/spyhop/netns.sock --allow-uid 65534
  spyhop run --set isolation.helper=/run/spyhop/netns.sock";

pub(super) const RENDER_GRAFANA_HELP: &str = "\
Mount provisioning/ as /etc/grafana/provisioning, and dashboards/ of this repository (spyhop render dashboards) where --path says.
Traces lead to lines and metrics, lines and exemplars to traces: docs/grafana.md.

Examples:
  spyhop render grafana --out /etc/grafana
  spyhop render grafana --prometheus http://prom:9090 --loki off --tempo off";

pub(super) const RENDER_K8S_HELP: &str = "\
It asks nobody: services are those that the policy names without a pattern. What has no place in a NetworkPolicy is told in comments;
docs/policy.md lists it. Nothing is read back.

Examples:
  spyhop render k8s --set policy.file=$PWD/policy.yml | kubectl apply --dry-run=server -f -
  spyhop render k8s --out networkpolicies --pod-label io.kompose.service";

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  spyhop completions bash > /etc/bash_completion.d/spyhop
  spyhop completions zsh > ~/.zfunc/_spyhop
  spyhop completions fish > ~/.config/fish/completions/spyhop.fish";

pub(super) const BROKER_HELP: &str = "\
It answers GET of a list (docs/security.md) and nothing else: no environment's value, no command line, no file. For programs which want
to see containers and should not own the host. `spyhop run` starts one for itself and needs none of this.

Examples:
  spyhop broker --listen /run/spyhop/engine.sock
  spyhop broker --listen /run/spyhop/engine.sock --mode 0666 --engine unix:///run/podman/podman.sock
  spyhop broker --check /run/spyhop/engine.sock       for HEALTHCHECK in an image without a shell
  DOCKER_HOST=unix:///run/spyhop/engine.sock docker ps";
