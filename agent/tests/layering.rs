//! The house's one rule, as a test: imports go down only, and never sideways between parts of one rank.
//!
//! It reads the `crate::` paths of every source file as text, so a forbidden import fails here even where it compiles.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "helpers of tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Ranks from the drawing in `lib.rs`, top first. A part may name parts of lower lines only.
const RANKS: &[&[&str]] = &[
    &["main", "cli", "app", "fuzzing"],
    &["http", "config"],
    &["collectors", "render"],
    &["history"],
    &["isolation", "probes"],
    &["figures", "logs", "policy", "targets", "traces"],
    &["broker", "inventory"],
    &["engine", "helper", "host", "exposition", "otlp"],
    &["delivery"],
    &["model", "telemetry", "memory", "net", "sandbox", "secret"],
];

/// Sideways imports that are part of the drawing: the top line builds together, and counters are described by model's words.
const ALLOWED_SIDEWAYS: &[(&str, &str)] =
    &[("cli", "app"), ("main", "cli"), ("main", "app"), ("app", "cli"), ("telemetry", "model")];

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for file in sources() {
        let from = part_of(&file);
        for to in imported_parts(&fs::read_to_string(&file).unwrap()) {
            if to != from && !allowed(&from, &to) {
                wrong.push(format!("{}: `{from}` must not know `{to}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_part_has_a_rank_and_stands_in_the_drawing() {
    let drawing = fs::read_to_string(source_root().join("lib.rs")).unwrap();
    let parts: BTreeSet<String> = sources().iter().map(|file| part_of(file)).filter(|part| part != "lib").collect();
    let ranked: BTreeSet<String> = RANKS.iter().flat_map(|rank| rank.iter().map(|part| (*part).to_owned())).collect();
    assert_eq!(parts, ranked, "a folder below src without a rank, or a rank without a folder");
    for part in &ranked {
        assert!(drawing.contains(&format!("`{part}`")), "`{part}` is missing from the ranks in lib.rs");
    }
}

#[test]
fn bollard_stays_in_the_engine_edge() {
    for file in sources().iter().filter(|file| part_of(file) != "engine") {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("bollard::"), "{}: bollard belongs to engine/ alone", file.display());
    }
}

#[test]
fn unsafe_code_stays_in_its_corner() {
    for file in sources().iter().filter(|file| part_of(file) != "memory") {
        let text = fs::read_to_string(file).unwrap();
        assert!(
            !text.contains("unsafe {") && !text.contains("unsafe fn"),
            "{}: unsafe belongs to memory.rs",
            file.display()
        );
    }
}

fn allowed(from: &str, to: &str) -> bool {
    ALLOWED_SIDEWAYS.contains(&(from, to)) || matches!((rank(from), rank(to)), (Some(from), Some(to)) if from < to)
}

fn rank(part: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&part))
}

/// Parts named after `crate::`, in plain paths and in `use crate::{a::B, c}` lists, comments left out.
fn imported_parts(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut parts = BTreeSet::new();
    for start in ["crate::", "spyhop::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(list) => parts.extend(top_level_names(list)),
                None => parts.extend(first_name(rest)),
            }
        }
    }
    parts
}

fn top_level_names(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut current = String::new();
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(first_name(std::mem::take(&mut current).trim())),
            _ => {}
        }
        if depth == 0 && c != ',' && c != '}' {
            current.push(c);
        }
    }
    names.extend(first_name(current.trim()));
    names
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty() && name.chars().all(|c| !c.is_uppercase())).then_some(name)
}

fn part_of(file: &Path) -> String {
    let inside = file.strip_prefix(source_root()).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![source_root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
