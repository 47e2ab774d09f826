//! Where the engine listens, as `DOCKER_HOST`, contexts and the configuration file spell it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where Docker listens unless told otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// Longest path of a unix socket: `sockaddr_un` has 108 bytes, the last of them 0.
const MAX_SOCKET_PATH: usize = 107;
/// Longest name a host can have.
const MAX_HOST: usize = 253;

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A unix socket, absolute.
    Unix(PathBuf),
    /// A host and a port; `None` is Docker's usual one, 2376 with TLS and 2375 without.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port, not 0.
        port: Option<u16>,
    },
}

/// Why an address was not accepted. Addresses are not quoted: one with a user and a password in it may have been given by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing given.
    #[error("the engine's address is empty")]
    Empty,
    /// A scheme of another kind of transport.
    #[error("{0} is not a way spyhop reaches an engine: write unix:///path/to/docker.sock or tcp://HOST:PORT")]
    Scheme(String),
    /// A shell on the other side would be needed.
    #[error(
        "ssh is not supported: forward the socket, `ssh -nNT -L /run/engine.sock:/var/run/docker.sock HOST`, and write unix:///run/engine.sock"
    )]
    Ssh,
    /// A path that depends on where the agent was started.
    #[error("the path of the engine's socket must begin with /: unix:///path/to/docker.sock")]
    Relative,
    /// A path without a scheme is accepted from nobody but contexts and `DOCKER_HOST`.
    #[error("the path of the engine's socket has {0} bytes, a unix socket takes {MAX_SOCKET_PATH}")]
    TooLong(usize),
    /// A user, a path, no host, or no port.
    #[error("the engine's address is not tcp://HOST:PORT")]
    NotTcp,
    /// A zero byte.
    #[error("the engine's address has a zero byte in it")]
    Zero,
}

impl Address {
    /// Accepts `unix:///path/to/socket`, a bare `/path/to/socket` and `tcp://host[:port]`.
    ///
    /// # Errors
    /// Whatever else it is, with the reason.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains('\0') {
            return Err(AddressError::Zero);
        }
        match text.split_once("://") {
            Some(("unix", path)) => socket(path),
            // What Docker's own clients make of all three.
            Some(("tcp" | "http" | "https", rest)) => tcp(rest),
            Some(("ssh", _)) => Err(AddressError::Ssh),
            Some((scheme, _)) => {
                Err(AddressError::Scheme(scheme.chars().filter(char::is_ascii_alphanumeric).collect()))
            }
            None => socket(text),
        }
    }

    /// `unix:///var/run/docker.sock`.
    pub fn default_socket() -> Self {
        Self::Unix(PathBuf::from(DEFAULT_SOCKET))
    }

    /// Path of the socket, of a unix one.
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp { .. } => None,
        }
    }
}

fn socket(path: &str) -> Result<Address, AddressError> {
    match path {
        "" => Err(AddressError::Empty),
        path if path.len() > MAX_SOCKET_PATH => Err(AddressError::TooLong(path.len())),
        path if path.starts_with('/') => Ok(Address::Unix(PathBuf::from(path))),
        _ => Err(AddressError::Relative),
    }
}

fn tcp(rest: &str) -> Result<Address, AddressError> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']').ok_or(AddressError::NotTcp)?;
            let v6 = host.parse::<std::net::Ipv6Addr>().map_err(|_| AddressError::NotTcp)?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(AddressError::NotTcp)?) };
            (v6.to_string(), port)
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        },
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if !(1..=MAX_HOST).contains(&host.len()) || !host.bytes().all(plain) {
        return Err(AddressError::NotTcp);
    }
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(AddressError::NotTcp));
    Ok(Address::Tcp { host, port: port.transpose()? })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } => {
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "tcp://{open}{host}{close}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_accepted() {
        let check = |text: &str, expected: &str| assert_eq!(Address::parse(text).unwrap().to_string(), expected);
        check("unix:///var/run/docker.sock", "unix:///var/run/docker.sock");
        check(" /run/user/1000/docker.sock\n", "unix:///run/user/1000/docker.sock");
        assert_eq!(Address::parse("unix:///var/run/docker.sock").unwrap(), Address::default_socket());
        check("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375");
        check("tcp://docker-1.example.com", "tcp://docker-1.example.com");
        check("https://docker:2376/", "tcp://docker:2376");
        check("tcp://[::1]:2375", "tcp://[::1]:2375");
        check("tcp://[fd00::1]", "tcp://[fd00::1]");
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let check = |text: &str, expected: AddressError| assert_eq!(Address::parse(text), Err(expected), "{text:?}");
        check("", AddressError::Empty);
        check("unix://", AddressError::Empty);
        check("ssh://root:geheim@host", AddressError::Ssh);
        check("npipe:////./pipe/docker_engine", AddressError::Scheme("npipe".into()));
        check("docker.sock", AddressError::Relative);
        check("unix://run/docker.sock", AddressError::Relative);
        check(&format!("unix:///{}", "x".repeat(107)), AddressError::TooLong(108));
        check("unix:///a\0b", AddressError::Zero);
        for text in
            ["tcp://", "tcp://:2375", "tcp://host:", "tcp://host:0", "tcp://host:70000", "tcp://me:hunter2@host:1"]
        {
            check(text, AddressError::NotTcp);
        }
        for text in
            ["tcp://host:2375/v1.41", "tcp://[::1", "tcp://[::1]2375", "tcp://[host]:1", "tcp://a b", "tcp://::1"]
        {
            check(text, AddressError::NotTcp);
        }
        // Whoever writes a password there by mistake does not find it in a log.
        assert!(!AddressError::NotTcp.to_string().contains("hunter2"));
    }
}
