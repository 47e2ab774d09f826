//! Options of a probe: which there are, for which kinds, and which go together.

use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue, Method, header};

use super::super::{
    super::{
        report::{Position, Wrong, quoted},
        units::show_duration,
        yaml::{Entry, Node},
    },
    fields::{self, Fields, under},
};
use crate::{
    model::{Expression, Room},
    policy::probe::{Aim, Credentials, INTERVALS, Kind, MAX_LIST, Probe, Status, TIMEOUTS, is_server_name},
    secret,
};

/// Every option.
pub(super) const KEYS: [&str; 22] = [
    "interval",
    "timeout",
    "max_duration",
    "status",
    "body",
    "not_body",
    "method",
    "headers",
    "bearer_file",
    "basic_auth",
    "unauthorized",
    "server_name",
    "names",
    "ca_file",
    "insecure_skip_verify",
    "over_tls",
    "info",
    "statistics",
    "database",
    "exposed_by_default",
    "require_tls",
    "require_auth",
];

/// Headers which the client writes itself, or whose values are secrets.
const REFUSED: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::ACCEPT_ENCODING,
];

/// Reads the options of a probe of which `aim` says what is asked; nothing, with its mistakes told, where that is wrong itself.
pub(super) fn read(
    fields: &mut Fields<'_>,
    path: &str,
    at: Position,
    aim: Option<Aim>,
    entries: Vec<Entry>,
) -> Option<Probe> {
    let kind = aim.as_ref().map(|aim| aim.kind);
    // In the place of an aim that is wrong: the mistakes of options are told in the same run.
    let mut probe = Probe::new(aim.unwrap_or(Aim { kind: Kind::Http, port: 1, path: None }));
    for Entry { key, at, value } in entries {
        let path = under(path, &key);
        if let Some(kind) = kind.filter(|kind| !kind.takes(&key)) {
            let wrong = Wrong::new(format!("is nothing that a {} probe has", kind.as_str()));
            fields.wrong(at, &path, wrong.hint("remove the line"));
            continue;
        }
        option(fields, &path, &key, at, value, &mut probe);
    }
    together(fields, path, at, &probe);
    kind.map(|_| probe)
}

fn option(fields: &mut Fields<'_>, path: &str, key: &str, at: Position, node: Node, probe: &mut Probe) {
    match key {
        "interval" => probe.interval = fields.parsed(path, node, within(INTERVALS)),
        "timeout" => probe.timeout = fields.parsed(path, node, within(TIMEOUTS)),
        "max_duration" => probe.max_duration = fields.parsed(path, node, within(TIMEOUTS)),
        "status" => probe.answer.status = list(fields, path, node, status),
        "unauthorized" => probe.unauthorized = list(fields, path, node, status),
        "body" => probe.answer.body = fields.parsed(path, node, pattern),
        "not_body" => probe.answer.not_body = fields.parsed(path, node, pattern),
        "method" => probe.method = fields.parsed(path, node, method).unwrap_or_default(),
        "headers" => {
            for Entry { key, at, value } in fields.map(path, node) {
                let path = under(path, &key);
                let name = match header_name(&key) {
                    Ok(name) => Some(name),
                    Err(wrong) => {
                        fields.wrong(at, &path, wrong);
                        None
                    }
                };
                let value = fields.parsed(&path, value, header_value);
                probe.headers.extend(name.zip(value));
            }
        }
        "bearer_file" => {
            let file = fields.parsed(path, node, file);
            credentials(fields, path, at, file.map(Credentials::Bearer), probe);
        }
        "basic_auth" => {
            let read = basic(fields, path, at, node, probe.aim.kind);
            credentials(fields, path, at, read, probe);
        }
        "server_name" => probe.tls.server_name = fields.parsed(path, node, server_name).map(Into::into),
        "names" => probe.tls.names = list(fields, path, node, server_name).into_iter().map(Into::into).collect(),
        "ca_file" => probe.tls.ca_file = fields.parsed(path, node, file),
        "insecure_skip_verify" => probe.tls.insecure = fields.parsed(path, node, fields::switch).unwrap_or_default(),
        "database" => probe.database = fields.parsed(path, node, plain).map(Into::into),
        key => {
            let on = fields.parsed(path, node, fields::switch).unwrap_or_default();
            match key {
                "over_tls" => probe.tls.over = on,
                "exposed_by_default" => probe.routes.exposed_by_default = on,
                "require_tls" => probe.routes.require_tls = on,
                "require_auth" => probe.routes.require_auth = on,
                _ => probe.figures = on,
            }
        }
    }
}

/// What each is right in itself and wrong with another.
fn together(fields: &mut Fields<'_>, path: &str, at: Position, probe: &Probe) {
    let mut wrong = |key: &str, what: &str, hint: &str| {
        fields.wrong(at, &under(path, key), Wrong::new(what).hint(hint));
    };
    let (timeout, interval) = (probe.timeout, probe.interval);
    if timeout.zip(interval).is_some_and(|(timeout, interval)| timeout > interval) {
        wrong("timeout", "is longer than the interval", "a probe is over before the next begins");
    }
    if probe.max_duration.zip(timeout).is_some_and(|(budget, timeout)| budget > timeout) {
        wrong("max_duration", "is longer than the timeout", "what is slower than the timeout has failed");
    }
    let papers = &probe.tls;
    let asks = papers.server_name.is_some() || !papers.names.is_empty() || papers.ca_file.is_some() || papers.insecure;
    if asks && probe.aim.kind.takes("over_tls") && !papers.over {
        wrong("over_tls", "is not switched on, and a certificate is asked for", "write over_tls: true");
    }
    let shows = probe.credentials != Credentials::None;
    if !probe.unauthorized.is_empty() {
        if !shows {
            let hint = "add bearer_file or basic_auth, or write `status: [401]` to ask without alone";
            wrong("unauthorized", "is asked beside an answer to credentials, and there are none", hint);
        }
        if probe.aim.path.is_none() {
            wrong("unauthorized", "needs a path", "write it behind the port: http: 8000/orders");
        }
    }
    if shows && probe.tls.insecure {
        let hint = "name the roots in ca_file instead";
        wrong("insecure_skip_verify", "would show credentials to whoever answers", hint);
    }
}

fn credentials(fields: &mut Fields<'_>, path: &str, at: Position, read: Option<Credentials>, probe: &mut Probe) {
    if probe.credentials != Credentials::None {
        fields.wrong(
            at,
            path,
            Wrong::new("is given beside other credentials").hint("keep one of bearer_file and basic_auth"),
        );
    }
    probe.credentials = read.unwrap_or_default();
}

/// Of HTTP both are asked for; Redis knows a password without a user, and PostgreSQL a user without a password.
fn basic(fields: &mut Fields<'_>, path: &str, at: Position, node: Node, kind: Kind) -> Option<Credentials> {
    let (mut user, mut password) = (None, None);
    for Entry { key, value, .. } in fields.section(path, node, &["username", "password_file"]) {
        let path = under(path, &key);
        match key.as_str() {
            "username" => user = fields.parsed(&path, value, user_name),
            _ => password = fields.parsed(&path, value, file),
        }
    }
    let needs = |given: bool, needed: bool| !given && needed;
    let http = kind.is_http() || kind == Kind::Traefik;
    if needs(user.is_some(), http) || needs(password.is_some(), http) || (user.is_none() && password.is_none()) {
        let hint = "write { username: probe, password_file: probe_password }";
        fields.wrong(at, path, Wrong::new("does not say who, or by which password").hint(hint));
        return None;
    }
    Some(Credentials::Basic { user: user.unwrap_or_default().into(), password })
}

fn list<T>(fields: &mut Fields<'_>, path: &str, node: Node, read: impl Fn(&str) -> Result<T, Wrong>) -> Vec<T> {
    let at = node.at;
    let mut items = fields.list(path, node, read);
    if items.len() > MAX_LIST {
        fields.wrong(at, path, Wrong::new(format!("has {} items, at most {MAX_LIST} are taken", items.len())));
        items.truncate(MAX_LIST);
    }
    items
}

fn within(range: std::ops::RangeInclusive<std::time::Duration>) -> impl Fn(&str) -> Result<std::time::Duration, Wrong> {
    move |text| {
        let read = fields::duration(text)?;
        let [least, most] = [*range.start(), *range.end()].map(show_duration);
        let wrong = || Wrong::new(format!("{} is not from {least} to {most}", quoted(text)));
        range.contains(&read).then_some(read).ok_or_else(wrong)
    }
}

fn status(text: &str) -> Result<Status, Wrong> {
    Status::parse(text)
        .ok_or_else(|| Wrong::new(format!("{} is not a status", quoted(text))).hint("write 200, 2xx or [200, 404]"))
}

fn pattern(text: &str) -> Result<Expression, Wrong> {
    Expression::new(text, Room::Small).map_err(|error| Wrong::new(error.to_string()))
}

fn method(text: &str) -> Result<Method, Wrong> {
    let method = match text {
        "GET" => Some(Method::GET),
        "HEAD" => Some(Method::HEAD),
        "OPTIONS" => Some(Method::OPTIONS),
        _ => None,
    };
    fields::one_of(text, "a method that changes nothing", &["GET", "HEAD", "OPTIONS"], method)
}

fn header_name(text: &str) -> Result<HeaderName, Wrong> {
    let name =
        HeaderName::try_from(text).map_err(|_| Wrong::new(format!("{} is not the name of a header", quoted(text))))?;
    if REFUSED.contains(&name) {
        let wrong = Wrong::new(format!("{name} cannot be set here"));
        return Err(match name {
            header::AUTHORIZATION => wrong.hint("write bearer_file or basic_auth"),
            _ => wrong,
        });
    }
    Ok(name)
}

fn header_value(text: &str) -> Result<HeaderValue, Wrong> {
    HeaderValue::from_str(text).map_err(|_| Wrong::new("is not the value of a header").hint("one line of ASCII"))
}

/// A file with a secret, or with roots.
fn file(text: &str) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text);
    match secret::locate(&path, Path::new("/")) {
        Ok(_) if !text.is_empty() => Ok(path),
        _ => Err(Wrong::new(format!("{} is not the name of a file", quoted(text)))
            .hint("a name in the secrets directory, or an absolute path")),
    }
}

fn server_name(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new(format!("{} is not a name that a certificate can have", quoted(text)));
    is_server_name(text).then(|| text.to_owned()).ok_or_else(|| wrong().hint("write shop.example"))
}

fn user_name(text: &str) -> Result<String, Wrong> {
    if text.contains(':') {
        return Err(Wrong::new("is a user with a colon, which nobody could tell from the password"));
    }
    plain(text)
}

fn plain(text: &str) -> Result<String, Wrong> {
    let fits = !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| Wrong::new("is not a name of 1 to 128 plain characters"))
}
