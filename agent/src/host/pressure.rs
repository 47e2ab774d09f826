//! Pressure stall information: `/proc/pressure/*` and `*.pressure` of cgroup v2 (Documentation/accounting/psi.rst).

use super::{Gone, handle::Handle, parse, reading::Reading};
use crate::model::{Pressure, PressureLine};

/// The three files, each there or not.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) cpu: Option<Handle>,
    pub(super) memory: Option<Handle>,
    pub(super) io: Option<Handle>,
}

impl Files {
    /// Opens what is there; `name` turns a resource into a path.
    pub(super) fn open(name: impl Fn(&str) -> std::path::PathBuf) -> Self {
        let open = |resource| Handle::single(&name(resource)).ok();
        Self { cpu: open("cpu"), memory: open("memory"), io: open("io") }
    }

    /// Number of files held.
    pub(super) fn count(&self) -> usize {
        [&self.cpu, &self.memory, &self.io].into_iter().flatten().count()
    }

    /// Reads all three. Pressure that is switched off is absent.
    pub(super) fn read(&self, reading: &mut Reading, into: &mut Pressure) -> Result<(), Gone> {
        for (file, line) in [(&self.cpu, &mut into.cpu), (&self.memory, &mut into.memory), (&self.io, &mut into.io)] {
            *line = reading.bytes(file.as_ref())?.map(totals).unwrap_or_default();
        }
        Ok(())
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and, except for CPU before Linux 5.13, a line `full`.
pub(super) fn totals(bytes: &[u8]) -> PressureLine {
    let mut found = PressureLine::default();
    for line in parse::lines(bytes) {
        let Some(at) = memchr::memrchr(b' ', line) else { continue };
        // The averages in between are what Prometheus makes of the total itself.
        let total = line.get(at + 1..).and_then(|word| parse::number(word.strip_prefix(b"total=")?));
        match line.get(..5) {
            Some(b"some ") => found.some_us = total,
            Some(b"full ") => found.full_us = total,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn totals_are_read_and_a_missing_line_is_absent() {
        let both =
            b"some avg10=1.08 avg60=8.28 avg300=3.70 total=15431035\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(totals(both), PressureLine { some_us: Some(15_431_035), full_us: Some(7) });
        let old = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n";
        assert_eq!(totals(old), PressureLine { some_us: Some(9), full_us: None });
        assert_eq!(totals(b"some total=x\nfoo total=1\n"), PressureLine::default());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = totals(&bytes);
        }
    }
}
