//! `docs/dashboards.md`: what each board has.

use super::{BOARDS, Board, Empty};

/// A section for each board: its purpose, its variables and its panels.
pub fn markdown() -> String {
    BOARDS.iter().map(|board| section(board)).collect()
}

fn section(board: &Board) -> String {
    let variables: Vec<String> = board.variables.iter().map(|variable| format!("`{}`", variable.name())).collect();
    let mut text = format!(
        "\n### {}\n\n`{}`, `dashboards/{}`. {}\n\nVariables: {}.\n\n| row | panel | empty |\n|---|---|---|\n",
        board.title,
        board.uid,
        board.file(),
        board.about,
        variables.join(", ")
    );
    for row in board.rows {
        for panel in row.panels {
            let empty = match panel.empty {
                Empty::Never => String::new(),
                Empty::Healthy => "when healthy".to_owned(),
                Empty::Without(what) => format!("without {}", what.as_str()),
            };
            text.push_str(&format!("| {} | {} | {empty} |\n", row.title, panel.title));
        }
    }
    text
}
