//! Every parser of bytes from outside, by name: for the fuzzer (`agent/fuzz`, `make fuzz`) and for the quick tests below. Built for
//! these two alone.

use crate::{
    broker, config, delivery, engine, exposition, helper, host, http, inventory, logs, otlp, probes, targets, traces,
};

/// Feeds bytes to a parser; panics where a promise breaks.
pub type Target = fn(&[u8]);

/// Name, which is also the folder of its seeds, and entry point.
pub const TARGETS: [(&str, Target); 30] = [
    ("event_stream", engine::fuzz::event_stream),
    ("answers", engine::fuzz::answers),
    ("kernel_files", host::fuzz::kernel_files),
    ("state_document", inventory::fuzz::state_document),
    ("config", config::fuzz::document),
    ("words", config::fuzz::words),
    ("query", http::fuzz::query),
    ("labels", exposition::fuzz::labels),
    ("pages", exposition::fuzz::pages),
    ("log_lines", logs::parse::fuzz::log_lines),
    ("declarations", targets::fuzz::declarations),
    ("assembly", logs::assemble::fuzz::assembly),
    ("spool_segment", delivery::spool::fuzz::spool_segment),
    ("journal", delivery::journal::fuzz::journal),
    ("log_frames", engine::fuzz::log_frames),
    ("json_file", logs::json_file::fuzz::json_file),
    ("redaction", logs::redact::fuzz::redaction),
    ("redis", probes::redis::fuzz::redis),
    ("postgres", probes::postgres::fuzz::postgres),
    ("traefik", probes::traefik::fuzz::traefik),
    ("helper", helper::fuzz::helper),
    ("socket_tables", host::fuzz::socket_tables),
    ("sock_diag", host::fuzz::sock_diag),
    ("broker_requests", broker::fuzz::requests),
    ("broker_answers", broker::fuzz::answers),
    ("otlp_wire", otlp::fuzz::wire),
    ("otlp_splice", otlp::fuzz::splice),
    ("otlp_json", otlp::fuzz::json),
    ("grpc_frames", traces::receive::fuzz::grpc_frames),
    ("gzip_bodies", traces::receive::fuzz::gzip_bodies),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::{prelude::*, sample::Index};

    use super::*;

    /// Seeds of a target; crashes that a fuzzer found once stand among them.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn every_seed_is_taken_whole_and_cut_off() {
        for (name, feed) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name} has no seed");
            for seed in seeds {
                feed(&seed);
                (0..seed.len()).step_by(seed.len() / 50 + 1).for_each(|end| feed(seed.get(..end).unwrap()));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn bytes_of_no_form_break_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            TARGETS.iter().for_each(|(_, feed)| feed(&bytes));
        }

        #[test]
        fn a_seed_with_bytes_changed_breaks_nothing(
            target in any::<Index>(),
            seed in any::<Index>(),
            changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        ) {
            let (name, feed) = TARGETS.get(target.index(TARGETS.len())).unwrap();
            let mut bytes = seed.get(&seeds(name)).clone();
            for (at, byte) in changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    *bytes.get_mut(at).unwrap() = byte;
                }
            }
            feed(&bytes);
        }
    }
}
