//! Redis, PostgreSQL and Traefik: their own words made of one probe's.
//!
//! What these servers say of themselves is quoted in no sentence of ours: an error of theirs may repeat what it was sent.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    ask::{Asker, Task, host},
    http::{self, Ask},
    outcome::{Facts, Failure, Figures, Phase, Reason},
    postgres::{self, PostgresError, Who, login, statistics},
    redis::{self, RedisError},
    traefik::{self, Answers, Backend, Networks, Protocol},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{ContainerState, HealthStatus, NetworkMode},
    policy::probe::Credentials,
    secret::Secret,
};

impl Asker {
    /// User and password, where there are any.
    async fn login(&self, task: &Task) -> Result<(Option<Arc<str>>, Option<Secret>), Failure> {
        let Credentials::Basic { user, password } = &task.probe.credentials else { return Ok((None, None)) };
        let password = match password {
            Some(file) => Some(self.secret(file.clone()).await?),
            None => None,
        };
        Ok((Some(Arc::clone(user)).filter(|user| !user.is_empty()), password))
    }

    pub(super) async fn redis(&self, task: &Task, facts: &mut Facts) -> Result<(), Failure> {
        let (user, password) = self.login(task).await?;
        let login =
            password.as_ref().map(|password| redis::Login { username: user.as_deref(), password: password.expose() });
        let mut stream = self.connect(task, facts).await?;
        let answer = if task.probe.tls.over {
            let mut stream = self.greet(task, stream, facts).await?;
            facts.enter(Phase::Processing);
            redis::probe(&mut stream, login, task.probe.figures).await
        } else {
            facts.enter(Phase::Processing);
            redis::probe(&mut stream, login, task.probe.figures).await
        };
        let answer = answer.map_err(|error| of_redis(&error))?;
        // Whoever gives a password means it to be wanted.
        facts.enforced = answer.open.filter(|_| password.is_some()).map(|open| !open);
        facts.figures = answer.info.map(|info| Figures::Redis(Arc::new(info)));
        match (answer.state.is_up(), answer.state == redis::State::Protected && password.is_some()) {
            (true, false) => Ok(()),
            (true, true) => Err(Reason::Denied.into()),
            (false, _) => Err(Failure::new(Reason::NotReady, format!("it says: {}", answer.state.word()))),
        }
    }

    pub(super) async fn postgres(&self, task: &Task, facts: &mut Facts) -> Result<(), Failure> {
        let (user, password) = self.login(task).await?;
        let usual = Who::default();
        let who = Who {
            user: user.as_deref().unwrap_or(usual.user),
            database: task.probe.database.as_deref().unwrap_or(usual.database),
        };
        let secret = password.as_ref().map(Secret::expose);
        let mut stream = self.connect(task, facts).await?;
        if !task.probe.tls.over {
            return greeted(stream, login::Login { who, password: secret, encrypted: false }, task, facts).await;
        }
        match postgres::ssl_request(&mut stream).await {
            Ok(true) => {}
            Ok(false) => return Err(Failure::new(Reason::Tls, "the server speaks no TLS")),
            Err(error) => return Err(of_postgres(&error)),
        }
        let stream = self.greet(task, stream, facts).await?;
        // A certificate that nobody looked at protects no password.
        let encrypted = !task.probe.tls.insecure;
        greeted(stream, login::Login { who, password: secret, encrypted }, task, facts).await
    }

    pub(super) async fn traefik(&self, task: &Task, facts: &mut Facts) -> Result<(), Failure> {
        let Some(picture) = &task.picture else { return Err(Reason::Internal.into()) };
        let authorization = self.authorization(&task.probe.credentials).await?;
        let mut answers = Answers::default();
        let not_traefik = |_| Failure::new(Reason::Broken, "the answer is not one of Traefik's API");
        for protocol in Protocol::ALL {
            let mut next = Some(1);
            while let Some(page) = next {
                let path = protocol.routers_path(page);
                let Some(answer) = self.api(task, &path, authorization.as_ref(), facts).await? else { break };
                answers.routers.extend(traefik::routers(protocol, &answer.body).map_err(not_traefik)?);
                next = traefik::next_page(page, answer.next_page.as_deref());
            }
        }
        let routes = task.probe.routes;
        if routes.require_auth || routes.require_tls {
            let (mut middlewares, mut next) = (Vec::new(), Some(1));
            while let Some(page) = next {
                let path = Protocol::Http.middlewares_path(page);
                let Some(answer) = self.api(task, &path, authorization.as_ref(), facts).await? else { break };
                middlewares.extend(traefik::middlewares(&answer.body).map_err(not_traefik)?);
                next = traefik::next_page(page, answer.next_page.as_deref());
            }
            answers.middlewares = Some(middlewares);
        }
        let options = traefik::Options {
            exposed_by_default: routes.exposed_by_default,
            require_tls: routes.require_tls,
            require_auth: routes.require_auth,
            traefik_networks: own_networks(task, picture),
            ..traefik::Options::default()
        };
        let backends: Vec<_> = picture.containers.iter().filter_map(|entry| backend(entry)).collect();
        let report = traefik::compare(&options, &backends, &answers);
        // One that has only begun gets its route when its health check has passed.
        let missing = report.missing.iter().filter(|missing| missing.reason != traefik::Reason::Starting).count();
        let expected = report.expected;
        facts.figures = Some(Figures::Routes(Arc::new(report)));
        match missing {
            0 => Ok(()),
            missing => Err(Failure::new(Reason::Routes, format!("{missing} of {expected} routes are missing"))),
        }
    }

    /// A page of Traefik's API; `None` where this one has no such list.
    async fn api(
        &self,
        task: &Task,
        path: &str,
        authorization: Option<&::http::HeaderValue>,
        facts: &mut Facts,
    ) -> Result<Option<http::Answer>, Failure> {
        let path = format!("{}{path}", task.probe.aim.path.as_deref().unwrap_or_default().trim_end_matches('/'));
        let host = host(task);
        let keep = u64::try_from(traefik::MAX_PAGE).ok();
        let ask = Ask { keep, ..Ask::new(&task.probe, &path, &host, authorization) };
        let stream = self.connect(task, facts).await?;
        let answer = http::ask(stream, ask, facts).await?;
        match answer.facts.status {
            200 => Ok(Some(answer)),
            404 if path.contains("/api/udp/") || path.contains("/api/tcp/") => Ok(None),
            401 | 403 => Err(Reason::Denied.into()),
            status => Err(Failure::new(Reason::Status, format!("its API answered {status}"))),
        }
    }
}

/// PostgreSQL, once it can be spoken to.
async fn greeted(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    login: login::Login<'_>,
    task: &Task,
    facts: &mut Facts,
) -> Result<(), Failure> {
    facts.enter(Phase::Processing);
    if task.probe.figures {
        let ask = statistics::Ask { statement_timeout: task.timeout / 2, sizes: false };
        let read = statistics::read(&mut stream, login, ask).await.map_err(|error| of_postgres(&error))?;
        facts.enforced = login.password.is_some().then_some(!read.open);
        facts.figures = Some(Figures::Postgres(Arc::new(read)));
        return Ok(());
    }
    let ready = postgres::ready(&mut stream, login.who).await.map_err(|error| of_postgres(&error))?;
    facts.enforced = ready.open.filter(|_| login.password.is_some()).map(|open| !open);
    match ready.state.is_up() {
        true => Ok(()),
        false => Err(Failure::new(Reason::NotReady, format!("it says: {}", ready.state.word()))),
    }
}

fn of_redis(error: &RedisError) -> Failure {
    let reason = match error {
        RedisError::WrongPassword | RedisError::ProtectedMode => Reason::Denied,
        RedisError::TooLong(_) => Reason::TooLarge,
        _ => Reason::Broken,
    };
    Failure::new(reason, format!("no good answer of Redis: {}", error.word()))
}

fn of_postgres(error: &PostgresError) -> Failure {
    let reason = match error {
        PostgresError::Rejecting(_) | PostgresError::Full(_) => Reason::NotReady,
        PostgresError::WrongPassword(_)
        | PostgresError::Denied(_)
        | PostgresError::NoPassword
        | PostgresError::ClearText
        | PostgresError::Md5
        | PostgresError::Unsupported
        | PostgresError::Scram(_)
        | PostgresError::Query(_) => Reason::Denied,
        PostgresError::TooLong(_) => Reason::TooLarge,
        _ => Reason::Broken,
    };
    Failure::new(reason, format!("no good answer of PostgreSQL: {}", error.word()))
}

/// Networks of the Traefik that is asked; `None` where that says nothing.
fn own_networks(task: &Task, picture: &Snapshot) -> Option<Vec<String>> {
    let super::plan::End::Container(way) = &task.end else { return None };
    let at = way.address()?;
    let has = |entry: &&Arc<Entry>| entry.container.networks.iter().any(|network| network.addresses.contains(&at.ip()));
    let entry = picture.containers.iter().find(has)?;
    Some(entry.container.networks.iter().map(|network| network.network.to_string()).collect())
}

/// A container as Traefik sees it. One that somebody stopped, or that was never started, asks for nothing.
fn backend(entry: &Entry) -> Option<Backend<'_>> {
    let container = &entry.container;
    if entry.stopped() || entry.completed() || container.state == ContainerState::Created {
        return None;
    }
    let health = container.health.as_ref().and_then(|health| match health.status {
        HealthStatus::Starting => Some(traefik::Health::Starting),
        HealthStatus::Healthy => Some(traefik::Health::Healthy),
        HealthStatus::Unhealthy => Some(traefik::Health::Unhealthy),
        HealthStatus::Unknown => None,
    });
    let networks = match &container.network_mode {
        NetworkMode::Host => Networks::Host,
        NetworkMode::Container(_) => Networks::Shared,
        _ => {
            let own = container.networks.iter().map(|network| (&*network.network, !network.addresses.is_empty()));
            Networks::Own(own.collect())
        }
    };
    Some(Backend {
        project: &container.identity.key.project,
        service: &container.identity.key.service,
        name: &container.name,
        labels: container.labels.iter().collect(),
        running: container.state == ContainerState::Running,
        health,
        networks,
        exposed: container.exposed_ports,
    })
}
