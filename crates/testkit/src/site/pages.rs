//! What the site says: the log of a lighthouse that stands on no map.

use axum::response::Html;
use serde_json::{Value, json};

/// One night in the log: the home page and `/data.json` tell the same.
struct Night {
    date: &'static str,
    wind: &'static str,
    ships: u32,
    note: &'static str,
}

const LOG: [Night; 5] = [
    Night {
        date: "1926-11-02",
        wind: "SW 4",
        ships: 7,
        note: "Lamp lit at 16:51. The supply boat brought oil, flour and, at last, the new teapot.",
    },
    Night {
        date: "1926-11-03",
        wind: "W 9",
        ships: 1,
        note: "Spray over the gallery all night. The schooner Maria Holm rode it out in our lee.",
    },
    Night {
        date: "1926-11-04",
        wind: "NW 6",
        ships: 3,
        note: "Maria Holm under way at dawn; her mate waved his hat until he was out of sight.",
    },
    Night {
        date: "1926-11-05",
        wind: "calm",
        ships: 0,
        note: "Fog. Sounded the horn every ninety seconds. A curlew answered until midnight.",
    },
    Night {
        date: "1926-11-06",
        wind: "S 2",
        ships: 12,
        note: "Polished the lens, all 312 prisms. The herring fleet went by like a street of lanterns.",
    },
];

pub(super) fn home() -> Html<String> {
    let nights: String = LOG
        .iter()
        .map(|night| {
            let Night { date, wind, ships, note } = night;
            format!("<li><time>{date}</time> Wind {wind}, ships passed: {ships}. {note}</li>\n")
        })
        .collect();
    page(
        "The Log of Curlew Rock Light",
        &format!(
            "<p>Curlew Rock Light, 61 steps above the sea. One white flash every ten seconds.</p>\n\
             <ol>\n{nights}</ol>\n\
             <p>The log <a href=\"/data.json\">for machines</a>. \
             Keepers <a href=\"/login\">sign in</a> for <a href=\"/dashboard\">the watch room</a>.\n\
             The rock <a href=\"/moved\">has moved</a>, on some charts. Shout at it and it \
             <a href=\"/echo?who=there\">echoes</a>.\n\
             The fog horn is <a href=\"/slow?ms=200\">slow</a> and <a href=\"/flaky?fail=2\">flaky</a>. \
             Take home <a href=\"/download/1048576\">a bucket of sea</a>.</p>\n"
        ),
    )
}

pub(super) fn data() -> Value {
    LOG.iter()
        .map(
            |night| json!({"date": night.date, "wind": night.wind, "ships": night.ships, "note": night.note}),
        )
        .collect()
}

/// The sheet of the night watch in gzip: a thousand times `22:00 The lamp is lit and all is well.`, 39,000 bytes.
pub(super) const WATCH: &[u8] = b"\
    \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xca\xc1\x09\x800\x10\x00\xb0\x7f\xa7\xb8\x09\
    \xa4\xf4\xe9\x1c.PP\xb0p\x8a\xa0\xe0\xfa\xe2\x1ey\x06\xd2\xda\x5ck,\xfb\x16\xd9\x8f+\xc6\x1d\
    9\x9e\xe8\xe7\x1a=\xf3\xe7\xbbeN\xa5i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\
    \x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\
    \x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\
    \x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\x9a\xa6i\
    \x9a\xa6i\x9a6\x95\x0f\xac\x86v\x8dX\x98\x00\x00\
    ";

pub(super) fn login() -> Html<String> {
    page(
        "Keepers sign in",
        "<form method=\"post\" action=\"/login\">\n\
         <label>Name <input name=\"user\" required></label>\n\
         <label>Password <input name=\"password\" type=\"password\" required></label>\n\
         <button>Climb the stairs</button>\n\
         </form>\n\
         <p>Every keeper knows the password: it is what the light stands in.</p>\n",
    )
}

pub(super) fn dashboard(user: &str) -> Html<String> {
    let user = escape(user);
    page(
        "The watch room",
        &format!(
            "<p>Good evening, {user}. The kettle is on and the lamp wants trimming.</p>\n\
             <p><a href=\"/data.json\">The log</a>, <a href=\"/logout\">down the stairs</a></p>\n"
        ),
    )
}

/// A page that only says what went wrong.
pub(super) fn notice(title: &str, text: &str) -> Html<String> {
    page(title, &format!("<p>{text}</p>\n<p><a href=\"/\">Back to the log</a></p>\n"))
}

fn page(title: &str, content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n{content}</body>\n</html>\n"
    ))
}

fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\'' => "&#39;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}
