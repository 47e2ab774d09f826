//! The table of figures, and the verdict.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::{
    Effort,
    budgets::{self, BUDGETS},
};

/// Everything measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Figure {
    key: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
}

impl Report {
    /// An empty one which says what it was made on.
    pub(crate) fn new(agent: &Path, effort: Effort) -> Result<Self> {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").context("read /proc/cpuinfo")?;
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let uname = rustix::system::uname();
        let notes = vec![
            format!("{}, {} CPUs", model.trim_start_matches(['\t', ' ', ':']), cpu.matches("processor\t").count()),
            format!("Linux {}", uname.release().to_string_lossy()),
            format!("{}, {effort:?}", agent.display()),
        ];
        Ok(Self { figures: Vec::new(), notes })
    }

    /// Adds a figure with a promise behind it.
    pub(crate) fn judged(&mut self, key: &'static str, value: f64) {
        let (what, unit) = budgets::of(key).map_or((key, ""), |budget| (budget.what, budget.unit));
        self.figures.push(Figure { key, what: what.into(), value, unit });
    }

    /// Adds a figure which explains others.
    pub(crate) fn told(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { key: "", what: what.into(), value, unit });
    }

    /// Adds a remark, such as why something was left out.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Prints it as the table which `README.md` carries.
    pub(crate) fn print(&self) {
        for note in &self.notes {
            println!("{note}");
        }
        println!("\n| figure | measured | promised | |\n|---|---:|---:|---|");
        for figure in &self.figures {
            let measured = format!("{} {}", digits(figure.value), figure.unit);
            match budgets::of(figure.key) {
                Some(budget) => {
                    let verdict = if figure.value <= budget.most { "kept" } else { "MISSED" };
                    println!("| {} | {measured} | {} {} | {verdict} |", figure.what, digits(budget.most), budget.unit);
                }
                None => println!("| {} | {measured} | | |", figure.what),
            }
        }
        for budget in self.unmeasured() {
            println!("| {} | | {} {} | not measured |", budget.what, digits(budget.most), budget.unit);
        }
    }

    /// 0 when every promise was measured and kept, 1 when one was missed, 2 when one was not measured.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let missed = |figure: &Figure| budgets::of(figure.key).is_some_and(|budget| figure.value > budget.most);
        match (self.figures.iter().any(missed), self.unmeasured().next().is_some()) {
            (true, _) => ExitCode::FAILURE,
            (false, true) => ExitCode::from(2),
            (false, false) => ExitCode::SUCCESS,
        }
    }

    fn unmeasured(&self) -> impl Iterator<Item = &'static budgets::Budget> {
        BUDGETS.iter().filter(|budget| !self.figures.iter().any(|figure| figure.key == budget.key))
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
