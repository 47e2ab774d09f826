//! Which engine is meant, found the way the docker command finds it, and what is needed to reach it.
//!
//! In this order: what the configuration says (`engine.address`, else `engine.context`), `DOCKER_HOST`, `DOCKER_CONTEXT`, the
//! context which the docker command uses now, then the sockets of this machine: Docker's, rootless Docker's, Podman's, rootless
//! Podman's.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Address, AddressError,
    context::{self, ContextError},
    tls::Tls,
};
use crate::net::{TlsError, TlsFiles, door::Door};

/// Ports Docker uses where an address names none.
const PORT: u16 = 2375;
const PORT_TLS: u16 = 2376;

/// What the configuration says of the engine; nothing at all is the usual case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// `engine.address`, or `DOCKER_HOST` where nothing of ours says it.
    pub address: Option<String>,
    /// `engine.context`.
    pub context: Option<String>,
    /// `engine.ca_file` and its companions, absolute.
    pub tls: Option<TlsFiles>,
}

/// An address and how to greet what listens there. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: Address,
    tls: Option<Arc<Tls>>,
    /// Who connects in our place.
    door: Option<Arc<Door>>,
}

/// An engine that was found and nothing opened for it: no file of a certificate has been read. It can be told to another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Where; the port is known by now.
    pub address: Address,
    /// Files for TLS, absolute.
    pub tls: Option<TlsFiles>,
    /// How it was found, for people.
    pub by: String,
}

impl Sought {
    /// Reads the certificates.
    ///
    /// # Errors
    /// They cannot be used, or the address is a socket.
    pub fn open(self) -> Result<Endpoint, EndpointError> {
        match self.tls {
            Some(files) => Endpoint::with_tls(self.address, files, &self.by),
            None => Ok(self.address.into()),
        }
    }

    /// An endpoint which the broker connects to; it holds the certificates.
    pub fn through(self, door: Arc<Door>) -> Endpoint {
        Endpoint { address: self.address, tls: None, door: Some(door) }
    }

    /// Whether everybody on the way can read and write: TCP without TLS, to another host.
    pub fn is_open_to_others(&self) -> bool {
        self.tls.is_none() && is_elsewhere(&self.address)
    }
}

/// An endpoint and how it was found, for people.
#[derive(Clone, Debug)]
pub struct Found {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// `configuration`, `docker context "prod"` and so on.
    pub by: String,
}

/// Why no endpoint could be had.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// An address that cannot be used.
    #[error("{by}")]
    Address {
        /// Who named it.
        by: String,
        /// What is wrong with it.
        #[source]
        source: AddressError,
    },
    /// A context that cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Certificates that cannot be used.
    #[error("TLS for {by}")]
    Tls {
        /// Who named the endpoint.
        by: String,
        /// What is wrong.
        #[source]
        source: TlsError,
    },
    /// Encryption without verification.
    #[error(
        "DOCKER_TLS without DOCKER_TLS_VERIFY would not verify the engine, which spyhop always does: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
    )]
    Unverified,
    /// Certificates for a socket of this machine.
    #[error("{0} is a socket of this machine: certificates are for tcp://")]
    TlsOnSocket(Address),
}

impl From<Address> for Endpoint {
    /// Without TLS.
    fn from(address: Address) -> Self {
        let address = with_port(address, PORT);
        Self { address, tls: None, door: None }
    }
}

impl Endpoint {
    /// An engine that is spoken to with TLS.
    ///
    /// # Errors
    /// The certificates cannot be used, or the address is a socket.
    pub fn with_tls(address: Address, files: TlsFiles, by: &str) -> Result<Self, EndpointError> {
        let Address::Tcp { host, .. } = &address else { return Err(EndpointError::TlsOnSocket(address)) };
        let tls = Tls::open(files, host).map_err(|source| EndpointError::Tls { by: by.to_owned(), source })?;
        Ok(Self { address: with_port(address, PORT_TLS), tls: Some(Arc::new(tls)), door: None })
    }

    /// Where the engine is; the port is known by now.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the engine's containers are certainly not processes of this machine's kernel.
    pub fn is_elsewhere(&self) -> bool {
        is_elsewhere(&self.address)
    }

    /// Reads the files of certificates again: they may have been renewed.
    pub fn renew(&self) {
        self.tls.as_deref().into_iter().for_each(Tls::renew);
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    pub(super) fn door(&self) -> Option<&Door> {
        self.door.as_deref()
    }
}

fn is_elsewhere(address: &Address) -> bool {
    matches!(address, Address::Tcp { host, .. } if !is_loopback(host))
}

fn with_port(address: Address, usual: u16) -> Address {
    match address {
        Address::Tcp { host, port } => Address::Tcp { host, port: port.or(Some(usual)) },
        socket => socket,
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What the search looks at beside the configuration; a struct, so that it can be tested.
pub struct Around<'a> {
    /// A variable of the environment, set to something.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Whether there is a socket.
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// Our user's number.
    pub user: u32,
}

impl fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Finds the engine and reads its certificates.
///
/// # Errors
/// What was named cannot be used. That nothing listens there is no error: it may come later.
pub fn find(wish: &Wish, around: &Around<'_>) -> Result<Found, EndpointError> {
    let sought = search(wish, around)?;
    let by = sought.by.clone();
    Ok(Found { endpoint: sought.open()?, by })
}

/// Finds the engine.
///
/// # Errors
/// As [`find`], but for certificates, which are not looked at.
pub fn search(wish: &Wish, around: &Around<'_>) -> Result<Sought, EndpointError> {
    if let Some(address) = &wish.address {
        return named(address, wish.tls.clone(), "the configuration or DOCKER_HOST", around);
    }
    let folder = docker_folder(around);
    let by_variable = || (around.variable)("DOCKER_CONTEXT");
    let name = wish.context.clone().or_else(by_variable).or_else(|| context::current(folder.as_deref()?));
    if let Some((name, folder)) = name.filter(|name| name != context::DEFAULT).zip(folder) {
        let context = context::load(&folder, &name)?;
        let by = format!("docker context {name:?}");
        if !context.host.is_empty() {
            return endpoint(&context.host, wish.tls.clone().or(context.tls), by);
        }
    }
    let sockets = sockets(around);
    let there = sockets.iter().find(|(path, _)| (around.exists)(path));
    let (address, by) = match there {
        Some((path, whose)) => (Address::Unix(path.clone()), (*whose).to_owned()),
        None => (Address::default_socket(), "default, no socket is there yet".to_owned()),
    };
    Ok(Sought { address, tls: None, by })
}

/// An address beside which the docker command's variables say whether TLS is spoken.
fn named(address: &str, tls: Option<TlsFiles>, by: &str, around: &Around<'_>) -> Result<Sought, EndpointError> {
    let is_tcp = address.trim().split_once("://").is_some_and(|(scheme, _)| scheme != "unix");
    let tls = match tls {
        Some(files) => Some(files),
        None if !is_tcp => None,
        None if (around.variable)("DOCKER_TLS_VERIFY").is_some() => {
            let given = (around.variable)("DOCKER_CERT_PATH").map(PathBuf::from);
            given.or_else(|| docker_folder(around)).map(|folder| context::in_folder(&folder))
        }
        None if (around.variable)("DOCKER_TLS").is_some() => return Err(EndpointError::Unverified),
        None => None,
    };
    endpoint(address, tls, by.to_owned())
}

fn endpoint(address: &str, tls: Option<TlsFiles>, by: String) -> Result<Sought, EndpointError> {
    let address = Address::parse(address).map_err(|source| EndpointError::Address { by: by.clone(), source })?;
    let port = if tls.is_some() { PORT_TLS } else { PORT };
    Ok(Sought { address: with_port(address, port), tls, by })
}

/// `DOCKER_CONFIG`, else `~/.docker`.
fn docker_folder(around: &Around<'_>) -> Option<PathBuf> {
    let variable = around.variable;
    variable("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".docker")))
}

/// Sockets of this machine, in the order they are looked for, and whose they are.
fn sockets(around: &Around<'_>) -> Vec<(PathBuf, &'static str)> {
    let runtime = (around.variable)("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = || (around.user != 0).then(|| PathBuf::from(format!("/run/user/{}", around.user)));
    let runtime = runtime.or_else(usual).filter(|path| path.is_absolute());
    let own = |name: &str| runtime.as_ref().map(|folder| folder.join(name));
    let all = [
        (Address::default_socket().socket().map(Path::to_owned), "Docker's socket"),
        (own("docker.sock"), "rootless Docker's socket"),
        (Some(PathBuf::from("/run/podman/podman.sock")), "Podman's socket"),
        (own("podman/podman.sock"), "rootless Podman's socket"),
    ];
    all.into_iter().filter_map(|(path, whose)| Some((path?, whose))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Where the search ends with these variables and sockets: address and by whom, or the error with its causes.
    fn ends(wish: &Wish, variables: &[(&str, &str)], there: &[&str]) -> String {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let around = Around {
            variable: &|name| variables.get(name).map(|value| (*value).to_owned()),
            exists: &|path| there.iter().any(|known| Path::new(known) == path),
            user: 1000,
        };
        match find(wish, &around) {
            Ok(found) => format!("{} by {}", found.endpoint.address(), found.by),
            Err(error) => {
                let mut text = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    text = format!("{text}: {cause}");
                    source = cause.source();
                }
                text
            }
        }
    }

    fn address(text: &str) -> Wish {
        Wish { address: Some(text.into()), ..Wish::default() }
    }

    #[test]
    fn sockets_are_looked_for_in_order() {
        let all = [
            "/var/run/docker.sock",
            "/run/user/1000/docker.sock",
            "/run/podman/podman.sock",
            "/run/user/1000/podman/podman.sock",
        ];
        for (first, whose) in ["Docker's", "rootless Docker's", "Podman's", "rootless Podman's"].into_iter().enumerate()
        {
            let expected = format!("unix://{} by {whose} socket", all[first]);
            assert_eq!(ends(&Wish::default(), &[], &all[first..]), expected);
        }
        let elsewhere = [("XDG_RUNTIME_DIR", "/tmp/me")];
        let found = ends(&Wish::default(), &elsewhere, &["/tmp/me/docker.sock", "/run/user/1000/docker.sock"]);
        assert_eq!(found, "unix:///tmp/me/docker.sock by rootless Docker's socket");
        let nothing = ends(&Wish::default(), &[], &[]);
        assert_eq!(nothing, "unix:///var/run/docker.sock by default, no socket is there yet");
    }

    #[test]
    fn an_address_wins_and_ports_are_dockers() {
        let by = "by the configuration or DOCKER_HOST";
        let context = [("DOCKER_CONTEXT", "missing"), ("HOME", "/nowhere")];
        assert_eq!(
            ends(&address("unix:///x.sock"), &context, &["/var/run/docker.sock"]),
            format!("unix:///x.sock {by}")
        );
        assert_eq!(ends(&address("tcp://h"), &[], &[]), format!("tcp://h:2375 {by}"));
        assert!(ends(&address("ssh://h"), &[], &[]).contains("ssh -nNT -L"));
        // Variables for TLS do not concern sockets.
        let tls = [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/nowhere")];
        assert_eq!(ends(&address("unix:///x.sock"), &tls, &[]), format!("unix:///x.sock {by}"));
        assert!(ends(&address("tcp://h"), &tls, &[]).contains("read /nowhere/ca.pem: No such file"));
        assert!(ends(&address("tcp://h"), &[("DOCKER_TLS", "1")], &[]).contains("set DOCKER_TLS_VERIFY=1"));
    }

    #[test]
    fn contexts_are_named_by_the_file_the_variable_and_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let docker = folder.path().join(".docker");
        for (id, host) in [
            ("6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77", "tcp://prod:2375"),
            ("83f33a1e7ce0f1210f0aaa2779ec0f4a2b024d6579590ac3e77f6c2e0ab3494e", "unix:///x.sock"),
        ] {
            let meta = docker.join("contexts/meta").join(id);
            std::fs::create_dir_all(&meta).unwrap();
            std::fs::write(meta.join("meta.json"), format!("{{\"Endpoints\":{{\"docker\":{{\"Host\":\"{host}\"}}}}}}"))
                .unwrap();
        }
        std::fs::write(docker.join("config.json"), "{\"currentContext\":\"prod\"}").unwrap();
        let there = ["/var/run/docker.sock"];
        let home = ("HOME", home.as_str());
        let prod = "tcp://prod:2375 by docker context \"prod\"";
        assert_eq!(ends(&Wish::default(), &[home], &there), prod);
        let other = ("DOCKER_CONTEXT", "spyhop-eng-x");
        assert_eq!(ends(&Wish::default(), &[home, other], &there), "unix:///x.sock by docker context \"spyhop-eng-x\"");
        let wish = Wish { context: Some("prod".into()), ..Wish::default() };
        assert_eq!(ends(&wish, &[home, other], &there), prod);
        let default = ("DOCKER_CONTEXT", "default");
        assert_eq!(ends(&Wish::default(), &[home, default], &there), "unix:///var/run/docker.sock by Docker's socket");
        let missing = ends(&Wish::default(), &[home, ("DOCKER_CONTEXT", "missing")], &there);
        assert!(missing.starts_with("docker context \"missing\": read "), "{missing}");
    }
}
