//! What a namespace counts of its sockets: files that cost microseconds, where a table of TCP costs more than a millisecond, because the
//! kernel walks the hash of all namespaces for it.

use super::super::parse::{lines, number, words};

/// Numbers of one namespace. `/proc/<pid>/net/snmp` counts events since it was made, `sockstat` and `sockstat6` sockets that are there
/// now; what those two say of memory and orphans is the whole machine's and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Connections begun from inside (`Tcp: ActiveOpens`), those that were never answered among them.
    pub active_opens: u64,
    /// Connections taken (`PassiveOpens`).
    pub passive_opens: u64,
    /// Connections that did not come about (`AttemptFails`).
    pub attempt_fails: u64,
    /// Connections broken off (`EstabResets`).
    pub resets: u64,
    /// Connections that are there (`CurrEstab`).
    pub established: u64,
    /// TCP sockets of IPv4, listeners among them, `TIME_WAIT` not (`TCP: inuse`).
    pub tcp: u64,
    /// The same of IPv6.
    pub tcp6: u64,
    /// UDP sockets of IPv4.
    pub udp: u64,
    /// The same of IPv6.
    pub udp6: u64,
    /// Ended connections still remembered, of both families (`TCP: tw`).
    pub time_wait: u64,
}

impl Counts {
    /// Reads the three files; without IPv6 there is no third one, and none of its sockets. `None` where one lacks what is looked for.
    pub fn parse(snmp: &[u8], sockstat: &[u8], sockstat6: &[u8]) -> Option<Self> {
        let (names, values) = pair(snmp, b"Tcp:")?;
        let event = |name: &[u8]| {
            let (_, value) = words(names).zip(words(values)).find(|(word, _)| *word == name)?;
            number(value)
        };
        let six = |protocol| if sockstat6.is_empty() { Some(0) } else { figure(sockstat6, protocol, b"inuse") };
        Some(Self {
            active_opens: event(b"ActiveOpens")?,
            passive_opens: event(b"PassiveOpens")?,
            attempt_fails: event(b"AttemptFails")?,
            resets: event(b"EstabResets")?,
            established: event(b"CurrEstab")?,
            tcp: figure(sockstat, b"TCP:", b"inuse")?,
            tcp6: six(b"TCP6:")?,
            udp: figure(sockstat, b"UDP:", b"inuse")?,
            udp6: six(b"UDP6:")?,
            time_wait: figure(sockstat, b"TCP:", b"tw")?,
        })
    }

    /// Whether everything TCP counts is as it was. Every connection that begins, comes, ends or is refused moves one of these for good, and
    /// a listener that comes or goes the number of sockets. What stays unseen: as many sockets gone as have come, none of them by a
    /// connection (a listener that moved to another port). `TIME_WAIT` alone running out is no change.
    pub const fn same_tcp(&self, other: &Self) -> bool {
        self.active_opens == other.active_opens
            && self.passive_opens == other.passive_opens
            && self.attempt_fails == other.attempt_fails
            && self.resets == other.resets
            && self.established == other.established
            && self.tcp == other.tcp
            && self.tcp6 == other.tcp6
    }

    /// Whether a table has no row, so that nobody need read it.
    pub const fn is_empty(&self, table: super::Table) -> bool {
        match table {
            super::Table::Tcp4 => self.tcp == 0 && self.time_wait == 0,
            super::Table::Tcp6 => self.tcp6 == 0 && self.time_wait == 0,
            super::Table::Udp4 => self.udp == 0,
            super::Table::Udp6 => self.udp6 == 0,
        }
    }
}

/// The two lines of a protocol: names, then values.
fn pair<'file>(file: &'file [u8], protocol: &[u8]) -> Option<(&'file [u8], &'file [u8])> {
    let mut found = lines(file).filter_map(|line| line.strip_prefix(protocol));
    Some((found.next()?, found.next()?))
}

/// `TCP: inuse 4 orphan 0 ...`: the number behind a name.
fn figure(file: &[u8], protocol: &[u8], name: &[u8]) -> Option<u64> {
    let line = lines(file).find_map(|line| line.strip_prefix(protocol))?;
    let mut found = words(line).skip_while(|word| *word != name).skip(1);
    number(found.next()?)
}
