//! A response made up, and the way it is written: by nothing of the crate.

use crate::drive::{Seen, headers};
use proptest::prelude::*;
use wire::{CloseReason, Framing, Headers, Persistence};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) minor: u8,
    pub(crate) status: u16,
    pub(crate) reason: Vec<u8>,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) content: Vec<u8>,
    pub(crate) coding: Coding,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// Statuses of the informational responses before it.
    pub(crate) informational: Vec<u16>,
    /// How it is written; nothing of it may be seen.
    style: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Length,
    Chunked,
    UntilClose,
    /// The status has no content.
    None,
}

/// Names that frame the message or speak of the connection are written by the writer alone.
const RESERVED: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

fn any_name() -> impl Strategy<Value = String> {
    let made_up = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}";
    prop_oneof![
        prop::sample::select(vec![
            "Set-Cookie",
            "set-cookie",
            "SET-COOKIE",
            "X-A",
            "x-a",
            "Trailer",
            "Content-Type"
        ])
        .prop_map(str::to_owned),
        made_up.prop_filter("reserved", |name| !RESERVED
            .iter()
            .any(|reserved| name.eq_ignore_ascii_case(reserved))),
    ]
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![8 => b' '..=b'~', 1 => Just(b'\t'), 2 => 0x80..=0xff_u8];
    prop::collection::vec(octet, 0..24)
}

fn any_fields(most: usize) -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let value = any_text().prop_map(|value| {
        // White space around a value is not part of it.
        let padding = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().take_while(padding).count();
        let end = value.iter().rev().take_while(padding).count();
        value.get(start..value.len() - end).unwrap_or_default().to_vec()
    });
    prop::collection::vec((any_name(), value), 0..most)
}

pub(crate) fn any_response() -> impl Strategy<Value = Written> {
    let coding = prop::sample::select(vec![Coding::Length, Coding::Chunked, Coding::UntilClose]);
    let head = (0..=1_u8, 200..=599_u16, any_text(), any_fields(70), coding);
    let rest = (
        prop::collection::vec(any::<u8>(), 0..300),
        any_fields(5),
        prop::collection::vec(prop::sample::select(vec![100, 102, 103, 199]), 0..4),
        prop::collection::vec(any::<u8>(), 8),
    );
    (head, rest).prop_map(
        |((minor, status, reason, fields, coding), (content, trailers, informational, style))| {
            // RFC 9112 §6.1: only HTTP/1.1 knows chunks.
            let minor = if coding == Coding::Chunked { 1 } else { minor };
            let bodiless = matches!(status, 204 | 304);
            let coding = if bodiless { Coding::None } else { coding };
            let content = if bodiless { Vec::new() } else { content };
            let trailers = if coding == Coding::Chunked { trailers } else { Vec::new() };
            Written { minor, status, reason, fields, content, coding, trailers, informational, style }
        },
    )
}

impl Written {
    /// A choice that depends on where it is taken.
    fn choose(&self, place: usize, among: usize) -> usize {
        let seed = self
            .style
            .iter()
            .fold(place, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        (seed ^ (seed >> 7)) % among
    }

    fn write_fields(&self, fields: &[(String, Vec<u8>)], out: &mut Vec<u8>) {
        for (place, (name, value)) in fields.iter().enumerate() {
            let before = ["", " ", "\t", " \t ", "\r\n "][self.choose(place, 5)];
            let after = ["", " ", "\t\t", "\r\n\t"][self.choose(place + 1, 4)];
            out.extend([name.as_bytes(), b":", before.as_bytes(), value, after.as_bytes(), b"\r\n"].concat());
        }
    }

    fn write_chunks(&self, out: &mut Vec<u8>) {
        let mut rest = &self.content[..];
        let mut place = 0;
        while !rest.is_empty() {
            let (chunk, others) = rest.split_at(1 + self.choose(place, rest.len().min(40)));
            rest = others;
            self.write_size(chunk.len(), place, out);
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
            place += 1;
        }
        self.write_size(0, place, out);
        self.write_fields(&self.trailers, out);
        out.extend_from_slice(b"\r\n");
    }

    fn write_size(&self, size: usize, place: usize, out: &mut Vec<u8>) {
        let zeros = "0".repeat(self.choose(place, 4));
        let size = if self.choose(place + 1, 2) == 0 { format!("{size:x}") } else { format!("{size:X}") };
        let extension = ["", ";a", ";a=b", " ;\ta = \"b\\\";c\"", ";\u{fc};"][self.choose(place + 2, 5)];
        out.extend_from_slice(format!("{zeros}{size}{extension}\r\n").as_bytes());
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for status in &self.informational {
            out.extend_from_slice(format!("HTTP/1.1 {status} I\r\nContent-Length: 9\r\n\r\n").as_bytes());
        }
        out.extend_from_slice(format!("HTTP/1.{} {} ", self.minor, self.status).as_bytes());
        out.extend_from_slice(&self.reason);
        out.extend_from_slice(b"\r\n");
        let framing = match self.coding {
            Coding::Length => format!("Content-Length: {}\r\n", self.content.len()),
            Coding::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Coding::UntilClose | Coding::None => String::new(),
        };
        let (before, after) = self.fields.split_at(self.choose(0, self.fields.len() + 1));
        self.write_fields(before, &mut out);
        out.extend_from_slice(framing.as_bytes());
        self.write_fields(after, &mut out);
        out.extend_from_slice(b"\r\n");
        match self.coding {
            Coding::Chunked => self.write_chunks(&mut out),
            _ => out.extend_from_slice(&self.content),
        }
        out
    }

    /// What a driver saw, in the words of what was written.
    pub(crate) fn seen_in(seen: &Seen, written: &Self) -> Self {
        let coding = match seen.framing {
            Some(Framing::ContentLength(len)) => {
                assert_eq!(len, seen.content.len() as u64);
                Coding::Length
            }
            Some(Framing::Chunked) => Coding::Chunked,
            Some(Framing::CloseDelimited) => Coding::UntilClose,
            _ => Coding::None,
        };
        let minor = u8::from(seen.head.version == wire::Version::HTTP_11);
        let persistence = match coding {
            Coding::UntilClose => Persistence::Close(CloseReason::CloseDelimited),
            _ if minor == 0 => Persistence::Close(CloseReason::Http10),
            _ => Persistence::KeepAlive,
        };
        assert_eq!(seen.persistence, Some(persistence));
        assert!(!seen.handed_over);
        assert!(seen.informational.iter().all(|head| head.headers == headers(&[("Content-Length", "9")])));
        let lines = |headers: &Headers| -> Vec<_> {
            let framing = |name: &str| RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
            let lines = headers.iter().filter(|(name, _)| !framing(name));
            lines.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
        };
        // A reason is text: UTF-8, or else each octet is a character.
        let reason = match std::str::from_utf8(&written.reason) {
            Ok(text) if text == seen.head.reason => written.reason.clone(),
            _ => seen.head.reason.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        };
        Self {
            minor,
            status: seen.status(),
            reason,
            fields: lines(&seen.head.headers),
            content: seen.content.clone(),
            coding,
            trailers: lines(&seen.trailers),
            informational: seen.informational.iter().map(|head| head.status.as_u16()).collect(),
            style: written.style.clone(),
        }
    }
}
