//! One probe from its first step to its last, within its time.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;

use super::{
    http::{self, Answer, Ask, CONVENTION},
    names::Threads,
    outcome::{Facts, Failure, Outcome, Phase, Reason},
    plan::End,
    tls::{self, Greeter},
};
use crate::{
    inventory::Snapshot,
    policy::probe::{Credentials, Kind, Probe},
    secret::{self, Secret},
    targets::Dial,
};

/// What all probes share.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) dial: Arc<dyn Dial>,
    pub(super) threads: Threads,
    pub(super) greeter: Greeter,
    /// Where secrets with relative names are.
    pub(super) secrets: PathBuf,
}

/// One probe to be made.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) probe: Arc<Probe>,
    pub(super) end: End,
    pub(super) timeout: Duration,
    /// Name of the target in its certificate, unless the probe says another.
    pub(super) name: Arc<str>,
    /// It is known by that name to whoever is asked; a container is known by its address.
    pub(super) elsewhere: bool,
    /// The path which the convention led to last time.
    pub(super) found_path: Option<&'static str>,
    /// Whose labels Traefik's routes are held against; for that kind alone.
    pub(super) picture: Option<Arc<Snapshot>>,
}

impl Asker {
    /// Asks, and is over in time whatever the target does.
    pub(super) async fn ask(&self, task: &Task) -> Outcome {
        let began = Instant::now();
        let mut facts = Facts { found_path: task.found_path, ..Facts::default() };
        let failure = match timeout(task.timeout, self.run(task, &mut facts)).await {
            Ok(ended) => ended.err(),
            Err(_) => {
                let text = format!("not over after {:?}: it was {}", task.timeout, facts.phase);
                Some(Failure::new(Reason::Timeout, text))
            }
        };
        Outcome { failure, took: began.elapsed(), facts }
    }

    async fn run(&self, task: &Task, facts: &mut Facts) -> Result<(), Failure> {
        match task.probe.aim.kind {
            Kind::Http | Kind::Https => self.http(task, facts).await,
            Kind::Tls => {
                let stream = self.connect(task, facts).await?;
                self.greet(task, stream, facts).await.map(drop)
            }
            Kind::Tcp => self.connect(task, facts).await.map(drop),
            Kind::Redis => self.redis(task, facts).await,
            Kind::Postgres => self.postgres(task, facts).await,
            Kind::Traefik => self.traefik(task, facts).await,
        }
    }

    async fn http(&self, task: &Task, facts: &mut Facts) -> Result<(), Failure> {
        let probe = &task.probe;
        let authorization = self.authorization(&probe.credentials).await?;
        let authorization = authorization.as_ref();
        let Some(path) = &probe.aim.path else { return self.by_convention(task, authorization, facts).await };
        if !probe.unauthorized.is_empty() {
            let answer = self.exchange(task, path, None, facts).await?;
            let refused = probe.unauthorized.iter().any(|status| status.holds(answer.facts.status));
            let good = http::judge(&answer, &probe.answer, &mut Facts::default()).is_ok();
            // Neither refused nor answered, by a server in trouble, says nothing of who is let in.
            facts.enforced = (refused || good).then_some(refused);
            if !refused {
                let status = answer.facts.status;
                let reason = if good { Reason::NotRefused } else { Reason::Status };
                return Err(Failure::new(reason, format!("answered {status} to a request without credentials")));
            }
        }
        let answer = self.exchange(task, path, authorization, facts).await?;
        http::judge(&answer, &probe.answer, facts)
    }

    /// The first path of the convention that is there; the one found last time is asked for first.
    async fn by_convention(
        &self,
        task: &Task,
        authorization: Option<&HeaderValue>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let known = task.found_path;
        for path in known.into_iter().chain(CONVENTION.into_iter().filter(|path| known != Some(path))) {
            let answer = self.exchange(task, path, authorization, facts).await?;
            facts.found_path = (answer.facts.status != 404).then_some(path);
            if facts.found_path.is_some() {
                return http::judge(&answer, &task.probe.answer, facts);
            }
        }
        Err(Reason::NoHealthPath.into())
    }

    /// One request, on a connection of its own.
    async fn exchange(
        &self,
        task: &Task,
        path: &str,
        authorization: Option<&HeaderValue>,
        facts: &mut Facts,
    ) -> Result<Answer, Failure> {
        facts.http = None;
        let (probe, host) = (&task.probe, host(task));
        let ask = Ask::new(probe, path, &host, authorization);
        let stream = self.connect(task, facts).await?;
        if probe.aim.kind == Kind::Https {
            let stream = self.greet(task, stream, facts).await?;
            return http::ask(stream, ask, facts).await;
        }
        http::ask(stream, ask, facts).await
    }

    /// A connection to the one address there is.
    pub(super) async fn connect(&self, task: &Task, facts: &mut Facts) -> Result<TcpStream, Failure> {
        let began = facts.enter(Phase::Resolve);
        let (address, dialling) = match &task.end {
            // The schedule has none without an address.
            End::Container(way) => (way.address().ok_or(Reason::Internal)?, Some(self.dial.dial(way))),
            End::Host(host, port, family) => {
                let found = self.threads.look_up(host, *port, *family).await;
                (found.map_err(|error| Failure::new(Reason::Resolve, error.to_string()))?, None)
            }
            // The schedule has no such target.
            _ => return Err(Reason::Internal.into()),
        };
        facts.leave(began);
        facts.ip = Some(if address.is_ipv4() { 4 } else { 6 });
        let began = facts.enter(Phase::Connect);
        let connected = match dialling {
            Some(dialling) => dialling.await,
            None => TcpStream::connect(address).await,
        };
        facts.leave(began);
        connected.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Reason::Refused.into(),
            _ => Failure::new(Reason::Connect, format!("no connection: {error}")),
        })
    }

    /// A greeting, and a certificate that is worth something.
    pub(super) async fn greet(
        &self,
        task: &Task,
        stream: TcpStream,
        facts: &mut Facts,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let probe = &task.probe;
        let roots = match &probe.tls.ca_file {
            Some(file) => Some(secret::locate(file, &self.secrets).map_err(credentials)?),
            None => None,
        };
        let roots = self.greeter.roots(roots, &self.threads).await?;
        let name = probe.tls.server_name.as_ref().unwrap_or(&task.name);
        let nameless = |_| Failure::new(Reason::Tls, "its service has a name that no certificate can have");
        let server_name = ServerName::try_from(name.to_string()).map_err(nameless)?;
        let began = facts.enter(Phase::Tls);
        let greeted = self.greeter.greet(stream, server_name, probe.aim.kind == Kind::Https).await;
        let stream = greeted.map_err(|error| Failure::new(Reason::Tls, format!("no greeting: {error}")))?;
        facts.leave(began);
        let session = stream.get_ref().1;
        facts.tls_version = session.protocol_version().and_then(|version| version.as_str());
        let names: Vec<_> = [name].into_iter().chain(&probe.tls.names).cloned().collect();
        let chain = session.peer_certificates().unwrap_or_default();
        let judged = self.greeter.judge(chain, &roots, &names, SystemTime::now());
        let (shown, missing) = judged.ok_or(Reason::CertificateChain)?;
        let verdict = tls::verdict(&shown, &missing, &probe.tls);
        facts.shown = Some(Arc::new(shown));
        verdict.map_or(Ok(stream), Err)
    }

    /// What is said of who we are, read anew each time: a file may hold another secret tomorrow.
    pub(super) async fn authorization(&self, given: &Credentials) -> Result<Option<HeaderValue>, Failure> {
        let text = match given {
            Credentials::None => return Ok(None),
            Credentials::Bearer(file) => format!("Bearer {}", self.secret(file.clone()).await?.expose()),
            Credentials::Basic { user, password } => {
                let password = match password {
                    Some(file) => self.secret(file.clone()).await?,
                    None => Secret::new(""),
                };
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
            }
        };
        // The error would show what was in the file.
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| Failure::new(Reason::Credentials, "the secret cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    pub(super) async fn secret(&self, file: PathBuf) -> Result<Secret, Failure> {
        let folder = self.secrets.clone();
        let read = self.threads.read(move || secret::read(&file, &folder)).await;
        let read = read.map_err(|error| Failure::new(Reason::Credentials, format!("read a secret: {error}")))?;
        read.map_err(credentials)
    }
}

/// Names the file, never what is in it.
fn credentials(error: secret::SecretError) -> Failure {
    Failure::new(Reason::Credentials, error.to_string())
}

/// `Host` of a request, unless a header of the probe says another.
pub(super) fn host(task: &Task) -> String {
    let port = task.probe.aim.port;
    let named = task.probe.tls.server_name.as_ref().or(task.elsewhere.then_some(&task.name));
    match (named, &task.end) {
        (Some(name), _) => {
            let name = if name.contains(':') { format!("[{name}]") } else { name.to_string() };
            if task.probe.aim.kind.usual_port() == Some(port) { name } else { format!("{name}:{port}") }
        }
        (None, End::Container(way)) => way.address().map_or_else(String::new, |at| at.to_string()),
        (None, _) => String::new(),
    }
}
