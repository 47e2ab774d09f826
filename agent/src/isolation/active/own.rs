//! What the agent's own probes leave in the kernel's lists of sockets, so that nobody takes it for traffic.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a probe is remembered: twice the minute that an ended connection stays listed (`TCP_TIMEWAIT_LEN`).
const KEPT: Duration = Duration::from_secs(120);

/// Probes remembered at once: of two minutes, at a hundred a second and with several pids each. The oldest go first.
const MAX: usize = 65_536;

/// A process in the namespace of a probe, and the port the probe has there.
type Mark = (u32, u16);

/// The time after which a mark is forgotten, and whom that probe asked.
type Asked = (Instant, SocketAddr);

/// The probes of the last two minutes; cheap to clone, all clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Own(Arc<Mutex<Marks>>);

#[derive(Debug, Default)]
struct Marks {
    marks: HashMap<Mark, Asked>,
    /// In the order of that time.
    order: VecDeque<(Instant, Mark)>,
}

impl Own {
    /// Whether a socket with this local address in the namespace of that process is, or was a moment ago, a probe of ours to that address, or
    /// to any. A port alone is not enough where whom it asks is seen: a container sees our ports in its own lists, and could use one after us.
    pub fn is_ours(&self, pid: u32, local: SocketAddr, to: Option<SocketAddr>) -> bool {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = marks.marks.get(&(pid, local.port()));
        asked.is_some_and(|(until, asked)| *until > Instant::now() && to.is_none_or(|to| to == *asked))
    }

    /// A probe with this port is about to ask that address, in a namespace which has these processes.
    pub(super) fn begins(&self, pids: &[u32], port: u16, to: SocketAddr) {
        self.mark(pids, port, to, Instant::now());
    }

    fn mark(&self, pids: &[u32], port: u16, to: SocketAddr, now: Instant) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Marks { marks, order } = &mut *marks;
        for pid in pids {
            marks.insert((*pid, port), (now + KEPT, to));
            order.push_back((now + KEPT, (*pid, port)));
        }
        while order.front().is_some_and(|(until, _)| *until <= now || order.len() > MAX) {
            // One that was used again meanwhile has a later time, and stays for that.
            let Some((until, mark)) = order.pop_front() else { break };
            if marks.get(&mark).is_some_and(|(known, _)| *known == until) {
                marks.remove(&mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([172, 20, 0, 2], port))
    }

    fn there() -> SocketAddr {
        SocketAddr::from(([172, 20, 0, 3], 5432))
    }

    #[test]
    fn a_probe_is_known_for_two_minutes_in_every_process_of_its_namespace() {
        let own = Own::default();
        let long_ago = Instant::now().checked_sub(KEPT + Duration::from_secs(1)).unwrap();
        own.mark(&[7], 40_000, there(), long_ago);
        own.mark(&[7], 40_001, there(), long_ago);
        assert!(!own.is_ours(7, at(40_000), None));
        own.begins(&[7, 8], 40_000, there());
        assert!(own.is_ours(7, at(40_000), None) && own.is_ours(8, at(40_000), None));
        assert!(own.is_ours(7, at(40_000), Some(there())));
        assert!(!own.is_ours(7, at(40_000), Some(at(80))), "somebody else asks another from the same port");
        assert!(!own.is_ours(9, at(40_000), None), "another namespace has ports of its own");
        assert!(!own.is_ours(7, at(40_001), None));
        assert_eq!(own.0.lock().unwrap().marks.len(), 2, "what is over is forgotten, and nothing else");
        assert_eq!(own.0.lock().unwrap().order.len(), 2);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let own = Own::default();
        for pid in 0..70 {
            (1..=1000).for_each(|port| own.begins(&[pid], port, there()));
        }
        assert_eq!(own.0.lock().unwrap().marks.len(), MAX);
        assert!(own.is_ours(69, at(1000), None) && !own.is_ours(0, at(1), None), "the oldest went");
    }
}
