//! Where redirects must not lead, and what must not go along.

use std::sync::{Arc, Mutex};

use http_client::conn::ConnectError;
use http_client::{ErrorKind, RedirectPolicy, RefusedRedirect};
use testkit::peer::Script;

use crate::common::{get, ok, redirect, stage};

#[test]
fn t1_t2_credentials_stay_behind_on_the_way_from_https_too() {
    for (location, host) in [
        ("http://a:81/", "a:81"),
        ("http://a:443/", "a:443"),
        ("http://a/", "a"),
        ("https://a:444/", "a:444"),
    ] {
        let bare = format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Own: kept\r\n\r\n");
        let from = if location == "http://a:81/" { "https://a:81/" } else { "https://a/" };
        let mut stage = stage([
            Script::new().expect_head().reply(redirect(302, location)),
            Script::new().expect(bare).reply(ok("")),
        ]);
        stage.config.redirect.allow_downgrade = true;
        let client = stage.client();
        let mut request = client.get(from).basic_auth("ann", "s3cret").header("X-Own", "kept");
        for name in ["Cookie", "Proxy-Authorization", "X-Api-Key"] {
            request = request.header(name, "s3cret");
        }
        assert_eq!(request.send().unwrap().history().len(), 1, "{from} to {location}");
        assert!(String::from_utf8(stage.peer.connection(0).written).unwrap().contains("X-Api-Key: s3cret"));
        stage.finish();
    }
}

#[test]
fn t23_no_redirect_leads_from_https_to_http_unless_it_is_allowed() {
    for location in ["http://a/", "http://a:443/", "http://b/"] {
        let stage = stage([Script::new().expect_head().reply(redirect(302, location))]);
        let error = stage.client().get("https://a/").send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Redirect, "{location}: {error}");
        assert_eq!(error.redirect().unwrap().reason, RefusedRedirect::Downgrade, "{location}: {error}");
        assert_eq!(stage.peer.connects(), 1, "{location}");
        stage.finish();
    }
}

#[test]
fn t23_every_hop_is_asked_for_and_can_be_vetoed() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut stage = stage([Script::new()
        .expect(get("/1"))
        .reply(redirect(302, "/2"))
        .expect(get("/2"))
        .reply(redirect(307, "//b/3"))]);
    let noted = Arc::clone(&asked);
    stage.config.redirect = RedirectPolicy::default().allowed_by(move |from, to| {
        noted.lock().unwrap().push(format!("{from} {to}"));
        to.host_str() != Some("b")
    });
    let error = stage.client().get("http://a/1").send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    let refused = error.redirect().unwrap();
    assert_eq!((&refused.reason, refused.head.status.as_u16()), (&RefusedRedirect::NotAllowed, 307));
    assert_eq!(*asked.lock().unwrap(), ["http://a/1 http://a/2", "http://a/2 http://b/3"]);
    assert_eq!(stage.peer.connects(), 1);
    stage.finish();
}

// Only Linux has all of 127.0.0.0/8 on its loopback interface.
#[cfg(target_os = "linux")]
#[test]
fn t23_no_redirect_from_an_allowed_place_is_dialled_at_a_private_address() {
    use std::io::{self, BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use http_client::conn::AddressPolicy;
    use http_client::{Client, ClientConfig};

    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    let hosts = ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"];
    let outside = TcpListener::bind("127.0.0.2:0").unwrap();
    let from = outside.local_addr().unwrap();
    let server = thread::spawn(move || {
        for host in hosts {
            let (mut stream, _) = outside.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
            stream.write_all(redirect(302, &format!("http://{host}:{port}/")).as_bytes()).unwrap();
        }
    });
    let mut config = ClientConfig::default();
    config.address_policy = AddressPolicy::public_only().allow("127.0.0.2/32".parse().unwrap());
    for host in hosts {
        // A client for each, so that each redirect has its connection.
        let client = Client::with_config(config.clone()).unwrap();
        let error = client.get(format!("http://{from}/")).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{host}: {error}");
        let denied = error.connect_error();
        assert!(matches!(denied, Some(ConnectError::Denied { .. })), "{host}: {error}");
    }
    server.join().unwrap();
    assert_eq!(inside.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "somebody was dialled");
}

#[test]
fn t22_the_limit_of_a_request_beats_that_of_its_client() {
    for (of_client, of_request, passes) in [(1, 2, true), (0, 2, true), (10, 1, false), (2, 1, false)] {
        let script = Script::new().expect(get("/")).reply(redirect(302, "/1")).expect(get("/1"));
        let script = script.reply(redirect(302, "/2"));
        let script = if passes { script.expect(get("/2")).reply(ok("end")) } else { script };
        let mut stage = stage([script]);
        stage.config.redirect = RedirectPolicy::limited(of_client);
        let client = stage.client();
        let sent = client.get("http://a/").redirect(RedirectPolicy::limited(of_request)).send();
        match sent {
            Ok(response) => assert_eq!((response.text().unwrap().as_str(), passes), ("end", true)),
            Err(error) => {
                let reason = RefusedRedirect::TooMany { limit: of_request };
                assert_eq!((error.redirect().unwrap().reason, passes), (reason, false), "{error}");
            }
        }
        stage.finish();
    }
}

#[test]
fn t44_a_location_leads_where_it_is_dialled_and_asked() {
    for (location, origin, target) in [
        ("//b/x", "http://b", "/x"),
        ("/\\b/x", "http://b", "/x"),
        ("\\\\b\\x", "http://b", "/x"),
        ("http:/b/x", "http://a", "/b/x"),
        ("http:///b/x", "http://b", "/x"),
        ("http://a@b/", "http://b", "/"),
        ("http://a\\@b/", "http://a", "/@b/"),
        ("http://b#@a/", "http://b", "/"),
        ("http://a?@b/", "http://a", "/?@b/"),
        ("HTTP://B:80/", "http://b", "/"),
        ("/http://b/", "http://a", "/http://b/"),
        ("/../..//b/", "http://a", "//b/"),
        ("b:80/", "", ""),
        ("http://a%2fb/", "", ""),
        ("http://b:99999/", "", ""),
        ("http://", "", ""),
        ("http://\u{ff42}/", "http://b", "/"),
    ] {
        let moved = Script::new().expect_head().reply(redirect(302, location));
        let asked =
            format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", origin.trim_start_matches("http://"));
        let scripts = match origin {
            "" => vec![moved],
            "http://a" => vec![moved.expect(asked).reply(ok(""))],
            _ => vec![moved, Script::new().expect(asked).reply(ok(""))],
        };
        let stage = stage(scripts);
        match stage.client().get("http://a/1/2").send() {
            Ok(_) => assert_eq!(stage.peer.origins().last().unwrap(), origin, "{location}"),
            Err(error) => {
                let refused = error.kind() == ErrorKind::Redirect && error.redirect().is_some();
                assert!(refused && origin.is_empty(), "{location}: {error}");
            }
        }
        stage.finish();
    }
}
