//! The connections of one round: begun all at once where there is room, and over in time.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use rustix::io::Errno;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{
    Answer, Own, Settings, dns,
    plan::{Pace, Question, Visit},
};
use crate::{
    helper::{self, Family, Kind, MAX_SOCKETS},
    isolation::End,
    model::{InOrder as _, Process, Protocol},
};

/// Connections at once, with a descriptor each; what is closed holds one for the whole timeout, twice.
const AT_ONCE: usize = 256;

/// Sockets asked for at a time.
const BATCH: usize = MAX_SOCKETS as usize;
const _: () = assert!(BATCH <= AT_ONCE, "a batch has its place");

/// Where the engine's resolver is found inside a container.
const RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)), 53);

/// Time for a name: whoever is asked asks others.
const NAME_TIMEOUT: Duration = Duration::from_secs(2);

/// Time until a way across networks that was found open is tried again: an engine before 21 that makes a network takes its chain of isolation
/// out of `FORWARD` and puts it back (`EnsureJumpRule` of libnetwork), two calls of `iptables` apart.
const AGAIN: Duration = Duration::from_secs(1);

/// Longest answer about a name that is looked at.
const MAX_ANSWER: usize = 512;

/// What came of one visit.
#[derive(Debug)]
pub(super) struct Found {
    /// In the order of its questions; the reason where one could not be asked.
    pub(super) answers: Vec<Result<Answer, Arc<str>>>,
    /// Whether a name was resolved; `None` was not asked, or there was no answer to go by.
    pub(super) resolved: Option<bool>,
}

/// Where questions of one kind are asked from, and how.
#[derive(Clone, Copy)]
struct Stand<'a> {
    visit: &'a Visit,
    process: Process,
    family: Family,
    protocol: Protocol,
    room: &'a Semaphore,
}

/// Who asks.
pub(super) struct Runner<'a> {
    pub(super) helper: &'a helper::Client,
    pub(super) own: &'a Own,
    pub(super) proc: &'a Path,
    pub(super) settings: &'a Settings,
}

impl Runner<'_> {
    /// Makes the visits, all of them at once as far as there is room.
    pub(super) async fn run(&self, plan: &[Visit]) -> Vec<Found> {
        let room = Semaphore::new(AT_ONCE);
        join_all(plan.iter().map(|visit| self.visit(visit, &room))).await
    }

    async fn visit(&self, visit: &Visit, room: &Semaphore) -> Found {
        let process = match visit.hindrance {
            Some(reason) => Err(Arc::from(reason)),
            None => Process::of_container(self.proc, visit.pid, visit.container.as_str())
                .map_err(|error| Arc::from(format!("its process cannot be looked at: {error}"))),
        };
        let process = match process {
            Ok(process) => process,
            Err(reason) => {
                let answers = visit.questions.iter().map(|_| Err(Arc::clone(&reason))).collect();
                return Found { answers, resolved: None };
            }
        };
        let (answers, resolved) = tokio::join!(self.questions(visit, process, room), async {
            if visit.asks_name { self.name(visit, process).await } else { None }
        });
        Found { answers, resolved }
    }

    async fn questions(&self, visit: &Visit, process: Process, room: &Semaphore) -> Vec<Result<Answer, Arc<str>>> {
        let numbered: Vec<_> = visit.questions.iter().enumerate().collect();
        let mut kinds: std::collections::BTreeMap<_, Vec<_>> = std::collections::BTreeMap::new();
        for (number, question) in numbered {
            kinds.entry((Family::of(question.to), question.edge.protocol)).or_default().push((number, question));
        }
        let batches =
            kinds.iter().flat_map(|(kind, questions)| questions.chunks(BATCH).map(move |batch| (*kind, batch)));
        let asked = batches.map(|((family, protocol), batch)| async move {
            let answers = self.batch(Stand { visit, process, family, protocol, room }, batch).await;
            batch.iter().map(|(number, _)| *number).zip(answers).collect::<Vec<_>>()
        });
        let mut answers: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        answers.order_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Questions of one kind. What is open across networks is open a second later as well, or was so by accident.
    async fn batch(&self, stand: Stand<'_>, batch: &[(usize, &Question)]) -> Vec<Result<Answer, Arc<str>>> {
        let mut answers = self.tried(stand, batch).await;
        let asked = batch.iter().zip(&answers);
        let open = asked.filter(|((_, question), answer)| is_doubted(question, answer)).map(|(asked, _)| *asked);
        let open: Vec<_> = open.collect();
        if !open.is_empty() {
            // Nobody's place is held meanwhile.
            sleep(AGAIN).await;
            settle(batch, &mut answers, self.tried(stand, &open).await);
        }
        answers
    }

    /// The same, with a second try for those which nothing came back for: one packet may get lost.
    async fn tried(&self, stand: Stand<'_>, batch: &[(usize, &Question)]) -> Vec<Result<Answer, Arc<str>>> {
        let most = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        // Never closed.
        let Ok(_place) = stand.room.acquire_many(most).await else { return Vec::new() };
        let addresses: Vec<_> = batch.iter().map(|(_, question)| question.to).collect();
        let mut answers = match self.all(stand, &addresses).await {
            Ok(answers) => answers,
            Err(error) => {
                let reason: Arc<str> = format!("no socket in its network: {error}").into();
                return batch.iter().map(|_| Err(Arc::clone(&reason))).collect();
            }
        };
        let silent: Vec<_> = answers.iter().zip(&addresses).filter(|(answer, _)| **answer == Answer::Dropped).collect();
        let silent: Vec<_> = silent.into_iter().map(|(_, address)| *address).collect();
        if !silent.is_empty() {
            // Without a second try the first stands.
            let again = self.all(stand, &silent).await.unwrap_or_default();
            let dropped = answers.iter_mut().filter(|answer| **answer == Answer::Dropped);
            dropped.zip(again).for_each(|(answer, again)| *answer = again);
        }
        answers.into_iter().map(Ok).collect()
    }

    async fn all(&self, stand: Stand<'_>, to: &[SocketAddr]) -> io::Result<Vec<Answer>> {
        let Stand { visit, process, family, protocol, .. } = stand;
        let kind = match protocol {
            Protocol::Tcp => Kind::Stream,
            Protocol::Udp => Kind::Datagram,
        };
        let sockets = self.helper.sockets(process, family, kind, to.len()).await?;
        let asked = sockets.into_iter().zip(to).map(|(socket, to)| async move {
            let asking = async {
                match protocol {
                    Protocol::Tcp => self.stream(visit, socket, *to).await,
                    Protocol::Udp => self.datagram(visit, socket, *to).await,
                }
            };
            match (timeout(self.settings.timeout, asking).await, protocol) {
                (Ok(asked), _) => asked.map_or_else(|error| judge(&error), |()| Answer::Open),
                (Err(_), Protocol::Tcp) => Answer::Dropped,
                // Nobody has to answer a datagram.
                (Err(_), Protocol::Udp) => Answer::Unknown,
            }
        });
        Ok(join_all(asked).await)
    }

    async fn stream(&self, visit: &Visit, socket: OwnedFd, to: SocketAddr) -> io::Result<()> {
        let socket = helper::tcp(socket);
        // Closed by a reset: nothing of it stays in either list of sockets, and whoever listens gets nothing to read.
        socket.set_zero_linger()?;
        self.own.begins(&visit.pids, socket.local_addr()?.port(), to);
        socket.connect(to).await.map(drop)
    }

    /// An empty one, which means nothing in any protocol.
    async fn datagram(&self, visit: &Visit, socket: OwnedFd, to: SocketAddr) -> io::Result<()> {
        let socket = helper::udp(socket)?;
        self.own.begins(&visit.pids, socket.local_addr()?.port(), to);
        socket.connect(to).await?;
        socket.send(&[]).await?;
        socket.recv(&mut [0; 1]).await.map(drop)
    }

    async fn name(&self, visit: &Visit, process: Process) -> Option<bool> {
        let name = self.settings.name.as_ref()?;
        let asking = async {
            let socket = self.helper.sockets(process, Family::V4, Kind::Datagram, 1).await?.pop();
            let socket = socket.ok_or(ErrorKind::InvalidData)?;
            let socket = helper::udp(socket)?;
            let port = socket.local_addr()?.port();
            self.own.begins(&visit.pids, port, RESOLVER);
            socket.connect(RESOLVER).await?;
            let question = dns::question(port, name);
            socket.send(&question).await?;
            let mut answer = [0; MAX_ANSWER];
            let length = socket.recv(&mut answer).await?;
            Ok::<_, io::Error>(dns::went_out(&question, answer.get(..length).unwrap_or_default()))
        };
        match timeout(NAME_TIMEOUT, asking).await {
            Ok(Ok(said)) => said,
            // Whoever has no answer cannot carry anything out by one.
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Some(false),
            Err(_) => Some(false),
            Ok(Err(_)) => None,
        }
    }
}

/// Whether an answer counts only when a second try says the same: packets got to a service over something that should keep them from it.
fn is_doubted(question: &Question, answer: &Result<Answer, Arc<str>>) -> bool {
    let across = question.pace == Pace::Always && matches!(question.edge.to, End::Service(_));
    across && answer.as_ref().is_ok_and(|answer| answer.is_reachable())
}

/// Puts second answers where first ones are doubted, in their order. What could not be asked again is not known.
fn settle(
    batch: &[(usize, &Question)],
    answers: &mut [Result<Answer, Arc<str>>],
    again: Vec<Result<Answer, Arc<str>>>,
) {
    let mut again = again.into_iter();
    for ((_, question), answer) in batch.iter().zip(answers) {
        if is_doubted(question, answer) {
            *answer = Ok(again.next().and_then(Result::ok).unwrap_or(Answer::Unknown));
        }
    }
}

/// What the kernel's word for a failure says of the way.
fn judge(error: &io::Error) -> Answer {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Answer::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => Answer::NoRoute,
        // A rule of the container's own network.
        ErrorKind::TimedOut | ErrorKind::PermissionDenied => Answer::Dropped,
        // A namespace without an address of that family has none to begin from.
        _ => match Errno::from_io_error(error) {
            Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::PROTO | Errno::OPNOTSUPP) => Answer::NoRoute,
            _ => Answer::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{isolation::Edge, model::ServiceKey};

    #[test]
    fn what_is_open_across_networks_has_to_be_so_twice() {
        use Answer::{Dropped, NoRoute, Open, Refused, Unknown};
        let key = |service: &str| ServiceKey { project: "shop".into(), service: service.into() };
        let db = || End::Service(key("db"));
        let no_socket = || Err(Arc::from("no socket"));
        for (to, pace, first, second, expected) in [
            (db(), Pace::Always, Open, Some(Ok(Dropped)), Dropped),
            (db(), Pace::Always, Refused, Some(Ok(NoRoute)), NoRoute),
            (db(), Pace::Always, Open, Some(Ok(Open)), Open),
            (db(), Pace::Always, Refused, Some(Ok(Open)), Open),
            (db(), Pace::Always, Open, Some(no_socket()), Unknown),
            (db(), Pace::Always, Open, None, Unknown),
            // Not asked again, so that what is handed over is another question's.
            (db(), Pace::Always, Dropped, Some(Ok(Open)), Dropped),
            (db(), Pace::Always, Unknown, Some(Ok(Open)), Unknown),
            // Nothing of the engine's is in the way to a neighbour, or to the host.
            (db(), Pace::Seldom, Open, Some(Ok(Dropped)), Open),
            (End::Host, Pace::Always, Open, Some(Ok(Dropped)), Open),
        ] {
            let edge = Edge { from: key("web"), to, port: 5432, protocol: Protocol::Tcp };
            let question = Question { edge, to: SocketAddr::from(([172, 20, 0, 2], 5432)), pace, turns: 1 };
            let mut answers = [Ok(first)];
            settle(&[(0, &question)], &mut answers, second.clone().into_iter().collect());
            assert_eq!(answers, [Ok(expected)], "{question:?}: {first:?}, then {second:?}");
        }
        // Each second answer goes to its own question.
        let to_db = |port: u16, pace| {
            let edge = Edge { from: key("web"), to: db(), port, protocol: Protocol::Tcp };
            Question { edge, to: SocketAddr::from(([172, 20, 0, 2], port)), pace, turns: 1 }
        };
        let questions =
            [to_db(1, Pace::Always), to_db(2, Pace::Always), to_db(3, Pace::Seldom), to_db(4, Pace::Always)];
        let batch: Vec<_> = questions.iter().enumerate().collect();
        let mut answers = [Ok(Open), Ok(Dropped), Ok(Open), Ok(Refused)];
        settle(&batch, &mut answers, vec![Ok(Dropped), Ok(Open)]);
        assert_eq!(answers, [Ok(Dropped), Ok(Dropped), Ok(Open), Ok(Open)]);
    }

    #[test]
    fn what_the_kernel_says_is_judged() {
        for (errno, answer) in [
            (Errno::CONNREFUSED, Answer::Refused),
            (Errno::NETUNREACH, Answer::NoRoute),
            (Errno::HOSTUNREACH, Answer::NoRoute),
            (Errno::ADDRNOTAVAIL, Answer::NoRoute),
            (Errno::PERM, Answer::Dropped),
            (Errno::TIMEDOUT, Answer::Dropped),
            (Errno::NFILE, Answer::Unknown),
        ] {
            assert_eq!(judge(&errno.into()), answer, "{errno}");
        }
    }
}
