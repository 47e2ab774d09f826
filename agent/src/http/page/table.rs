//! How every list of the page is laid out: a table whose rows are pieces of their own, with details that open below a row.

use std::fmt::{self, Write};

use super::html::Text;

/// The head of a section. `note` is a few words beside the title, markup of ours.
pub(super) fn section(page: &mut String, id: &str, title: &str, note: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(
        page,
        "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h2 id=\"{id}-h\">{title} <small>{note}</small></h2>"
    )
}

/// A section of which there is nothing here: its place, for when there is.
pub(super) fn absent(page: &mut String, id: &str) -> fmt::Result {
    writeln!(page, "<section id=\"{id}\" hidden></section>")
}

/// A table whose rows come as pieces; `class` says how wide its columns are.
pub(super) fn list(page: &mut String, id: &str, class: &str, label: &str, columns: &[&str]) -> fmt::Result {
    head(page, class, label, columns)?;
    writeln!(page, "<tbody id=\"{id}\" data-list></tbody></table>")
}

/// The beginning of a table, up to its rows.
pub(super) fn head(page: &mut String, class: &str, label: &str, columns: &[&str]) -> fmt::Result {
    write!(page, "<table class=\"grid {class}\" aria-label=\"{label}\"><thead><tr>")?;
    for column in columns {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n");
    Ok(())
}

/// The beginning of a row. `attributes` are ours or escaped.
pub(super) fn row(page: &mut String, id: &str, attributes: fmt::Arguments<'_>) -> fmt::Result {
    write!(page, "<tr id=\"{}\" class=\"row\" tabindex=\"-1\"{attributes}>", Text(id))
}

/// The last cell of a row: what opens below it, written by `write` as pairs of a description list. Ends the row.
pub(super) fn details(page: &mut String, write: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
    page.push_str("<td class=\"more\"><details><summary><span>Details</span></summary><dl>");
    write(page)?;
    page.push_str("</dl></details></td></tr>\n");
    Ok(())
}

/// One pair of it. `value` is ours or escaped.
pub(super) fn pair(page: &mut String, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
    write!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>")
}

/// A cell of a state: a word and how it is shown.
pub(super) fn state(page: &mut String, class: &str, word: impl fmt::Display) -> fmt::Result {
    write!(page, "<td><span class=\"state {class}\">{word}</span></td>")
}

/// What a list leaves out, and where it is.
pub(super) fn rest(page: &mut String, all: usize, shown: usize, path: &str) -> fmt::Result {
    match all.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(
            page,
            "<p class=\"note\">{more} more are left out here; <a href=\"{path}\">{path}</a> has them all.</p>"
        ),
    }
}
