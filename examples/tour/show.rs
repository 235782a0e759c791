//! How the tour speaks: chapters, the lines of code they are about, what came back, and who bears witness.

use std::fmt::Display;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

use http_client::{Client, ClientConfig};
use sha2::{Digest, Sha256};
use testkit::site::Site;

use crate::Result;

/// The site, and the ways to talk about it.
pub(crate) struct Tour {
    pub(crate) site: Site,
    pub(crate) base: String,
    color: bool,
}

impl Tour {
    /// Starts the site and says so.
    pub(crate) fn start() -> Self {
        let site = Site::start();
        let tour = Self { base: site.https_url(), color: wants_color(), site };
        tour.title("A tour of http-client");
        tour.line(&format!("The site that answers runs inside this program, at {}.", tour.base));
        tour
    }

    pub(crate) fn title(&self, text: &str) {
        self.line(&self.styled(BOLD, text));
    }

    /// The defaults, and trust in the authority that signed the site's certificate.
    pub(crate) fn config(&self) -> Result<ClientConfig> {
        let mut config = ClientConfig::default();
        config.tls.roots.add_pem(self.site.ca_pem().as_bytes())?;
        Ok(config)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::with_config(self.config()?)?)
    }

    pub(crate) fn chapter(&self, number: u32, title: &str, about: &str) {
        self.line(&format!("\n{}", self.styled(BOLD, &format!("{number}  {title}"))));
        self.step(&number.to_string(), about);
    }

    /// Says what comes and shows the lines of this file that do it: those between `// show NAME` and `// end`.
    pub(crate) fn step(&self, name: &str, about: &str) {
        for line in wrapped(about, WIDTH) {
            self.line(&format!("   {line}"));
        }
        let start = format!("    // show {name}");
        let lines = include_str!("../tour.rs").lines().skip_while(|line| *line != start).skip(1);
        let lines: Vec<&str> = lines.take_while(|line| *line != "    // end").collect();
        assert!(!lines.is_empty(), "nothing to show for {name}");
        self.line("");
        for line in lines {
            let code = self.styled(CODE, line.strip_prefix("    ").unwrap_or(line));
            self.line(&format!("   {} {code}", self.styled(DIM, "|")));
        }
        self.line("");
    }

    /// Shows what came back, under a label; what is long goes on below its beginning.
    pub(crate) fn fact(&self, label: &str, value: impl Display) {
        let mut label = label;
        for line in wrapped(&value.to_string(), WIDTH - LABEL) {
            self.line(&format!("   {} {line}", self.styled(DIM, &format!("{label:<LABEL$}"))));
            label = "";
        }
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn line(&self, text: &str) {
        // A reader who has seen enough (`| head`) is no failure.
        let _ = writeln!(io::stdout(), "{}", text.trim_end_matches(' '));
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const CODE: &str = "36";
/// Columns of a paragraph, and of the labels in front of what came back.
const WIDTH: usize = 96;
const LABEL: usize = 14;

/// Color is for people at a terminal who did not decline it (<https://no-color.org>).
fn wants_color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Breaks a text at spaces into lines of at most `width` characters, where its words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// Listens for one request, answers 204 to it as soon as it ends in `last`, and gives back what came, byte by byte.
pub(crate) fn witness(last: &'static str) -> Result<(String, JoinHandle<io::Result<String>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}/", listener.local_addr()?);
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut seen = Vec::new();
        while !seen.ends_with(last.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            seen.extend(byte);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        String::from_utf8(seen).map_err(io::Error::other)
    });
    Ok((url, thread))
}

/// Takes content, keeps none of it, and measures it.
#[derive(Default)]
pub(crate) struct Meter {
    pub(crate) hash: Sha256,
    pub(crate) bytes: u64,
    pub(crate) largest: usize,
}

impl Write for Meter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        self.largest = self.largest.max(piece.len());
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
