//! `/proc/<pid>/net` of one process.

use std::{
    fs::File,
    io::{self, Read as _},
    net::IpAddr,
    ops::ControlFlow,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    super::handle::{LAST_PIECE, TABLE_CEILING, open, read_once},
    Counts, Row, Table,
    table::row,
};

/// Longest line kept while its end has not come; the kernel's are below 200 bytes.
const MAX_LINE: usize = 1024;

/// A buffer for rows, shared by all readings of one owner.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        // The kernel hands out at most a page at a time; the rest is for datagrams of sock_diag.
        Self(vec![0; 32 * 1024])
    }
}

impl Buffer {
    /// All of it.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// The network namespace of a process, through its files.
#[derive(Clone, Debug)]
pub struct Namespace {
    process: PathBuf,
}

impl Namespace {
    /// That of this process; nothing is opened.
    pub fn of(proc: &Path, pid: u32) -> Self {
        Self { process: proc.join(pid.to_string()) }
    }

    /// A number that is the same for all processes of one namespace, and of no other while it exists: the kernel makes the files of each
    /// namespace anew, with inodes of their own. (`/proc/<pid>/ns/net` would say the same and wants the right to trace.)
    ///
    /// # Errors
    /// What the system says; the process has ended.
    pub fn identity(&self) -> io::Result<u64> {
        Ok(std::fs::metadata(self.process.join(Table::Tcp4.path()))?.ino())
    }

    /// What it counts; `None` when the kernel's files do not say all of it.
    ///
    /// # Errors
    /// What the system says; the process has ended.
    pub fn counts(&self) -> io::Result<Option<Counts>> {
        let [snmp, sockstat] = [self.file("net/snmp")?, self.file("net/sockstat")?];
        let sockstat6 = match self.file("net/sockstat6") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        Ok(Counts::parse(&snmp, &sockstat, &sockstat6))
    }

    /// Addresses the namespace has itself, of both families, loopback left out.
    ///
    /// # Errors
    /// What the system says of `fib_trie`; without IPv6 there are none of it.
    pub fn addresses(&self) -> io::Result<Vec<IpAddr>> {
        let mut found = super::v4_addresses(&self.file("net/fib_trie")?);
        found.extend(super::v6_addresses(&self.file("net/if_inet6").unwrap_or_default()));
        Ok(found)
    }

    /// Gateways of both families; none where they cannot be read.
    pub fn gateways(&self) -> Vec<IpAddr> {
        let mut found = super::v4_gateways(&self.file("net/route").unwrap_or_default());
        found.extend(super::v6_gateways(&self.file("net/ipv6_route").unwrap_or_default()));
        found
    }

    fn file(&self, name: &str) -> io::Result<Vec<u8>> {
        read_once(&self.process.join(name), TABLE_CEILING)
    }

    /// Hands out the rows of a table, listeners of TCP first, until `each` has had enough. How many lines were not understood. A kernel
    /// without IPv6 has no table of it, which then has no rows.
    ///
    /// # Errors
    /// What the system says; the process has ended.
    pub fn rows(
        &self,
        table: Table,
        buffer: &mut Buffer,
        mut each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        let Some(file) = self.table(table)? else { return Ok(0) };
        let mut strange = 0;
        lines(file, buffer, |line| {
            match row(line, table) {
                Ok(Some(row)) => return each(row),
                Ok(None) => {}
                Err(super::Strange) => strange += 1,
            }
            ControlFlow::Continue(())
        })?;
        Ok(strange)
    }

    /// The file of a table; `None` of IPv6 on a kernel without.
    pub(super) fn table(&self, table: Table) -> io::Result<Option<File>> {
        match open(&self.process.join(table.path())) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && table.is_v6() && self.process.exists() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads a table piece by piece, so that one of a hundred thousand rows needs no more memory than one of ten, and hands out its lines but the
/// heading until `each` has had enough.
///
/// A piece shorter than [`LAST_PIECE`] is the last: to be told so by the kernel costs another walk through all its sockets, as much as the
/// reading itself.
pub(super) fn lines(
    mut file: File,
    buffer: &mut Buffer,
    mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let (mut kept, mut heading) = (0, true);
    loop {
        let Some(room) = buffer.0.get_mut(kept..).filter(|room| !room.is_empty()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
        };
        let read = match file.read(room) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.0.get(..kept + read).unwrap_or_default();
        let last = read < LAST_PIECE;
        let whole = if last { bytes.len() } else { memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1) };
        for line in super::super::parse::lines(bytes.get(..whole).unwrap_or_default()) {
            if !std::mem::take(&mut heading) && each(line).is_break() {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
        let end = bytes.len();
        kept = end - whole;
        if kept > MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line longer than the kernel writes"));
        }
        buffer.0.copy_within(whole..end, 0);
    }
}
