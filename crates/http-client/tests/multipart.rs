//! Forms with files, as they stand on the wire.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;

use std::collections::HashSet;
use std::io::Write;

use common::{ok, stage};
use http_client::wire::BodyLength;
use http_client::{Body, ErrorKind, Multipart, Part};
use testkit::peer::Script;

/// A form with its boundary.
fn form() -> (Multipart, String) {
    let form = Multipart::new();
    let boundary = form.content_type().split_once("boundary=").unwrap().1.to_owned();
    (form, boundary)
}

fn content(boundary: &str) -> String {
    [
        "--B\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\none",
        "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x%0Ay\"\r\nContent-Type: text/x\r\n\r\ntwo",
        "--B\r\nContent-Disposition: form-data; name=\"r\"\r\n\r\nthree",
        "--B--\r\n",
    ]
    .join("\r\n")
    .replace("--B", &format!("--{boundary}"))
}

#[test]
fn a_form_of_known_length_is_sent_with_it_and_can_be_sent_again() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"two").unwrap();
    let (form, boundary) = form();
    let form = form
        .text("a\"b", "one")
        .part("f", Part::file(file.path()).unwrap().file_name("x\ny").content_type("text/x"))
        .part("r", Part::new(Body::factory(Some(5), || Ok(&b"three"[..]))));
    let content = content(&boundary);
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n\
             Content-Length: {}\r\n\r\n{content}",
            content.len()
        )
    };
    let moved = "HTTP/1.1 308 \r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    let stage = stage([Script::new().expect(head("/")).reply(moved).expect(head("/there")).reply(ok("got"))]);
    let request = stage.client().post("http://a/").header("Content-Type", "multipart/form-data");
    assert_eq!(request.multipart(form).send().unwrap().text().unwrap(), "got");
    stage.finish();
}

#[test]
fn a_form_with_a_stream_goes_in_chunks() {
    let (form, boundary) = form();
    let form = form
        .text("a\"b", "one")
        .part("f", Part::new("two").file_name("x\ny").content_type("text/x"))
        .part("r", Part::new(Body::reader(&b"three"[..])));
    let body = form.into_body().unwrap();
    assert_eq!(body.length(), BodyLength::Unknown);
    let stage = stage([Script::new().expect_head().reply(ok("got"))]);
    // What follows the head is more than the script reads; it is looked at here.
    let _ = stage.client().post("http://a/").body(body).send();
    let written = String::from_utf8(stage.peer.connection(0).written).unwrap();
    let (head, mut rest) = written.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    let mut sent = String::new();
    while let Some((size, chunk)) = rest.split_once("\r\n") {
        let (data, behind) = chunk.split_at(usize::from_str_radix(size, 16).unwrap());
        sent += data;
        rest = behind.strip_prefix("\r\n").unwrap();
    }
    assert_eq!(sent, content(&boundary));
}

#[test]
fn what_is_wrong_with_a_part_waits_for_send() {
    let stage = stage([]);
    let form = Multipart::new().part("a", Part::new("b").content_type("x\ny"));
    let error = stage.client().post("http://a/").multipart(form).send().unwrap_err();
    assert_eq!((error.kind(), stage.peer.connects()), (ErrorKind::InvalidRequest, 0));
}

#[test]
fn t45_no_name_breaks_out_of_its_part_and_no_boundary_can_be_foreseen() {
    let (form, boundary) = form();
    let evil = "a\"; filename=\"x\r\n\r\nevil\r\n--B--\r\n";
    let form = form.text(evil, "one").part("f", Part::new("two").file_name(evil).content_type("text/x"));
    let escaped = "a%22; filename=%22x%0D%0A%0D%0Aevil%0D%0A--B--%0D%0A";
    let content = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{escaped}\"\r\n\r\none\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{escaped}\"\r\n\
         Content-Type: text/x\r\n\r\ntwo\r\n--{boundary}--\r\n"
    );
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n\
         Content-Length: {}\r\n\r\n",
        content.len()
    );
    let stage = stage([Script::new().expect(head + &content).reply(ok("got"))]);
    assert_eq!(stage.client().post("http://a/").multipart(form).send().unwrap().text().unwrap(), "got");
    stage.finish();

    let boundaries: HashSet<_> = (0..1000).map(|_| self::form().1).collect();
    assert_eq!(boundaries.len(), 1000);
    // Wherever two are alike by construction, the rest must still be too much to guess: 16 characters and more differ.
    let mut sorted: Vec<_> = boundaries.iter().collect();
    sorted.sort_unstable();
    let alike = |(a, b): (&String, &String)| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let most = sorted.iter().zip(&sorted[1..]).map(|(a, b)| alike((a, b))).max().unwrap();
    assert!(boundary.len() - most >= 16, "{most} of {boundary} are alike");
}
