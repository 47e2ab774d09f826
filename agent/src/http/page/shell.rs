//! What stands around the pieces: head, bar, places to jump to, routes. Never changes while the page is open.

use std::fmt::{self, Write};

use super::{assets, facts::Facts, fragment::Sheet, html::Text};
use crate::http::{
    api::{self, View},
    routes::ROUTES,
};

/// Sections and what the bar calls them; those that are not here are not in it.
const PLACES: [(&str, &str); 11] = [
    ("findings", "Findings"),
    ("tiers", "Services"),
    ("objectives", "Objectives"),
    ("isolation", "Isolation"),
    ("map", "Networks"),
    ("routes", "Routes"),
    ("probes", "Probes"),
    ("logs", "Logs"),
    ("traces", "Traces"),
    ("containers", "Containers"),
    ("host", "Host"),
];

/// Keys, and what they do.
const KEYS: [(&str, &str); 6] = [
    ("/", "search all rows"),
    ("j, k, arrows", "next and previous row"),
    ("Enter", "details of a row"),
    ("g", "to the top"),
    ("Esc", "leave the search, close what is open"),
    ("?", "this list"),
];

/// Everything before the pieces.
pub(super) fn top(page: &mut String, view: &View<'_>, digest: u64) -> fmt::Result {
    let host = Text(view.host.unwrap_or("this host"));
    let now = view.now.strftime("%H:%M:%S");
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\" data-picture=\"{digest:016x}\" data-assets=\"{assets:016x}\">\n<head>\n\
         <meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{host} - spyhop</title>\n\
         <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
         <script src=\"/app.js\"></script>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#verdict\">Skip to what is so</a>\n\
         <header>\n<h1><bdi>{host}</bdi></h1>\n\
         <p id=\"connection\" data-state=\"stale\" role=\"status\"><span class=\"lamp\" aria-hidden=\"true\"></span>\
         <span id=\"connection-text\">as of {now} UTC</span></p>\n\
         <div class=\"tools\" role=\"search\" hidden><label for=\"search\">Search</label>\
         <input id=\"search\" type=\"search\" placeholder=\"Search (/)\" autocomplete=\"off\" spellcheck=\"false\">\
         <span id=\"matches\" role=\"status\"></span></div>\n\
         <div class=\"tools buttons\" hidden><button id=\"theme\" type=\"button\">Theme</button>\
         <button id=\"keys\" type=\"button\" aria-haspopup=\"dialog\" aria-label=\"Keys\">?</button></div>\n</header>\n",
        assets = assets::both(),
    )
}

/// Places to jump to, a piece because sections come and go.
pub(super) fn places(sheet: &mut Sheet, facts: &Facts<'_>) {
    let here = |id: &str| match id {
        "objectives" => !facts.objectives.is_empty(),
        "isolation" => facts.isolation.is_some(),
        "probes" => !facts.probes.is_empty(),
        "logs" => !facts.logs.destinations.is_empty(),
        "traces" => !(facts.traces.destinations.is_empty() && facts.traces.services.is_empty()),
        _ => true,
    };
    sheet.piece("places", |page| {
        page.push_str("<nav id=\"places\" aria-label=\"Sections\"><ul>");
        for (id, name) in PLACES.into_iter().filter(|(id, _)| here(id)) {
            write!(page, "<li><a href=\"#{id}\">{name}</a></li>")?;
        }
        page.push_str("</ul></nav>\n");
        Ok(())
    });
}

/// Everything behind the pieces.
pub(super) fn bottom(page: &mut String) -> fmt::Result {
    page.push_str("</main>\n<footer>\n<details><summary>Routes of this agent</summary>\n<ul>\n");
    for route in ROUTES {
        if route.is_pattern() {
            writeln!(page, "<li>{}: {}</li>", Text(route.path), Text(route.about))?;
        } else {
            writeln!(page, "<li><a href=\"{0}\">{0}</a>: {1}</li>", route.path, Text(route.about))?;
        }
    }
    write!(page, "</ul></details>\n<p>spyhop {}</p>\n</footer>\n", api::AGENT_VERSION)?;
    page.push_str("<dialog id=\"help\" aria-labelledby=\"help-h\"><h2 id=\"help-h\">Keys</h2><dl>");
    for (key, about) in KEYS {
        write!(page, "<div><dt><kbd>{key}</kbd></dt><dd>{about}</dd></div>")?;
    }
    page.push_str("</dl><button id=\"close\" type=\"button\">Close</button></dialog>\n</body>\n</html>\n");
    Ok(())
}
