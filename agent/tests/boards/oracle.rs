//! The real Prometheus reads what our parser reads, and refuses what it refuses.

use crate::{
    interpolate::{MARKED, MODES},
    model::shipped,
    promql::{self, examples},
    queries::{self, Language, awkward},
    support::{
        prometheus::{Prometheus, Release},
        wire,
    },
};

/// Whether it can be read there.
fn reads(server: &Prometheus, expression: &str) -> Result<(), String> {
    server.api(&format!("/api/v1/format_query?query={}", wire::encode(expression))).map(drop)
}

#[test]
fn prometheus_reads_the_same_expressions() {
    for release in Release::both() {
        let server = release.start_with("global: {}\n");
        for expression in examples::READ {
            assert_eq!(reads(&server, expression), Ok(()), "Prometheus {}", release.version);
        }
        for expression in examples::REFUSED.iter().filter(|text| !examples::REFUSED_BY_US_ALONE.contains(text)) {
            assert!(reads(&server, expression).is_err(), "Prometheus {} reads `{expression}`", release.version);
        }
        let mut wrong = Vec::new();
        for file in shipped() {
            let Ok(board) = &file.board else { continue };
            for (mode, asked) in
                MODES.iter().flat_map(|mode| queries::all(board).into_iter().map(move |asked| (mode, asked)))
            {
                if asked.language != Language::PromQl {
                    continue;
                }
                // What cannot be put together is another test's failure.
                let Ok(expression) = asked.expression(&awkward(board, *mode), MARKED) else { continue };
                let (ours, theirs) = (promql::parse(&expression), reads(&server, &expression));
                if ours.is_ok() != theirs.is_ok() {
                    wrong.push(format!(
                        "{}: {}: {ours:?}, Prometheus {}: {theirs:?}",
                        board.uid, asked.place, release.version
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
