//! What is secret of connections, of the proxies on their way, and of what waits to be sent on them.

use std::io::Write;
use std::sync::Arc;

use http_client::conn::{Proxy, Route};
use http_client::{Client, ClientConfig, Connection, ErrorKind, Origin, TunnelError};
use testkit::peer::{Script, ScriptedListener};

use crate::sinks::{PASSWORD, Sinks, URL, USER, secrets};
use crate::{prepared, reply, secretive};

#[test]
fn a_connection_shows_no_secret() {
    Sinks::watch(|sinks| {
        let stage = prepared(
            sinks,
            [Script::new()
                .expect_head()
                .reply(reply(302, "Location: /?code=s3cret-location\r\n"))
                .expect_head()
                .reset()],
        );
        let mut conn = stage.connection();
        conn.put_request("GET", "/in?token=s3cret-query").unwrap();
        conn.put_header("Authorization", "Bearer s3cret").unwrap().put_header("Cookie", "id=s3cret").unwrap();
        sinks.show("connection", &conn);
        conn.end_headers().unwrap();
        sinks.show_response(&conn.response().unwrap());
        conn.request_with("GET", "/in?token=s3cret", &[("Authorization", "s3cret")], ()).unwrap();
        sinks.show_error(&conn.response().unwrap_err());
        sinks.show("connection", &conn);
        stage.finish();
    });
}

#[test]
fn the_credentials_of_a_proxy_are_not_shown() {
    Sinks::watch(|sinks| {
        let ask = b"\x05\x02\x00\x02";
        let login = b"\x01\x03ida\x0cs3cret-basic";
        let refusing = Script::new().expect(ask).reply(b"\x05\x02").expect(login).reply(b"\x01\x01").close();
        let listener = ScriptedListener::start(vec![refusing.clone(), refusing]);
        let proxy: Proxy = format!("socks5://{}", listener.addr()).parse().unwrap();
        let proxy = proxy.with_credentials(USER, PASSWORD).unwrap();
        sinks.show("proxy", &proxy);
        let mut shown = sinks.clone();
        writeln!(shown, "proxy: {proxy}").unwrap();
        let mut config = ClientConfig::default();
        config.wiretap = Some(sinks.tap());
        config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
        let error =
            Client::with_config(config.clone()).unwrap().get("http://127.0.0.1:9/").send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        sinks.show_error(&error);
        let origin = Origin::http("127.0.0.1:9").unwrap();
        sinks.show("route", &config.routes.as_ref().unwrap()(origin.clone()));
        sinks.show_error(&Connection::open(&origin, config).unwrap_err());
        listener.finish().unwrap();
    });
}

#[test]
fn the_credentials_of_an_http_proxy_are_not_shown() {
    Sinks::watch(|sinks| {
        let refusal = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nSet-Cookie: a=s3cret\r\n\
            Content-Length: 14\r\n\r\ns3cret-content";
        let refusing = Script::new().expect_head().reply(refusal).close();
        let breaking = Script::new().expect_head().reset();
        for (script, has_content) in [(refusing, true), (breaking, false)] {
            let listener = ScriptedListener::start(vec![script.clone(), script]);
            let proxy: Proxy = format!("http://{}", listener.addr()).parse().unwrap();
            let proxy = proxy.with_credentials(USER, PASSWORD).unwrap();
            sinks.show("proxy", &proxy);
            let mut config = ClientConfig::default();
            config.wiretap = Some(sinks.tap());
            config.tunnel_headers.append("X-Api-Key", "s3cret-tunnel").unwrap();
            config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
            let client = Client::with_config(config.clone()).unwrap();
            let error = client.send(secretive(&client)).unwrap_err();
            assert_eq!((error.kind(), error.tunnel().is_some()), (ErrorKind::Connect, true), "{error}");
            let said = error
                .tunnel()
                .map(|tunnel| matches!(tunnel, TunnelError::Refused(it) if !it.content.is_empty()));
            assert_eq!(said, Some(has_content), "{error}");
            sinks.show_error(&error);
            sinks.show("config", &config);
            let origin = Origin::http("a").unwrap();
            sinks.show("route", &config.routes.as_ref().unwrap()(origin.clone()));
            sinks.show_error(&Connection::open(&origin, config).unwrap_err());
            let heads = listener.heads();
            for head in &heads {
                let head = String::from_utf8_lossy(head);
                assert!(head.contains("s3cret-tunnel") && head.contains(&secrets()[1]), "{head}");
            }
            assert_eq!(heads.len(), 2);
            listener.finish().unwrap();
        }
    });
}

#[test]
fn what_waits_to_be_sent_shows_no_secret() {
    Sinks::watch(|sinks| {
        let upgraded = "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: x\r\n\r\ns3cret-early";
        let stage = prepared(
            sinks,
            [
                Script::new().expect_head().reply(upgraded),
                Script::new().expect_head().expect_head().reset(),
                Script::new().expect_head().expect_head().reset(),
            ],
        );
        let client = stage.client();
        let request = secretive(&client);
        sinks.show("request", &request);
        let configured = client.get(URL).bearer_auth("s3cret").body("s3cret").configure(|config| {
            config.headers.set("X-Api-Key", "s3cret-configured").unwrap();
        });
        sinks.show("configured", &configured);
        sinks.show("configured", &configured.build().unwrap());
        sinks.show("batch", &client.batch());
        #[cfg(feature = "multipart")]
        {
            use http_client::{Multipart, Part};
            sinks.show("part", &Part::new("s3cret").file_name("x"));
            sinks.show("form", &Multipart::new().text("password", "s3cret").part("f", Part::new("s3cret")));
            sinks.show("posted", &client.post(URL).multipart(Multipart::new().text("password", "s3cret")));
        }
        let request = client.get("http://a/").header("Upgrade", "x").header("Connection", "upgrade");
        let upgraded = request.bearer_auth("s3cret").send().unwrap().upgrade().unwrap();
        sinks.show("upgraded", &upgraded);
        let mut conn = stage.connection();
        let secret = [("Authorization", "s3cret"), ("X-Api-Key", "s3cret")];
        conn.request_with("PUT", "/in", &secret, "s3cret-content").unwrap();
        conn.request_with("GET", "/in", &secret, ()).unwrap();
        sinks.show_error(&conn.response().unwrap_err());
        let unanswered = conn.unanswered();
        assert_eq!(unanswered.len(), 2);
        sinks.show("unanswered", &unanswered);

        let mut conn = stage.connection();
        for _ in 0..2 {
            conn.request_with("GET", "/in?token=s3cret-query", &secret, ()).unwrap();
        }
        sinks.show("connection", &conn);
        sinks.show_error(&conn.response().unwrap_err());
        for request in conn.unanswered() {
            sinks.show("unanswered", &request);
            sinks.show("asked again", &request.into_request().unwrap());
        }
        stage.finish();
    });
}
