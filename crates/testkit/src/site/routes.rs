//! Every address of the site and what answers there.

use super::bodies::{DripBody, PatternBody, read_all};
use super::{content, pages, session};
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest pause that a request may ask for.
const MAX_PAUSE: u64 = 10_000;
/// The longest download.
const MAX_DOWNLOAD: u64 = 1 << 30;
/// `/drip` is for patience, not for volume.
const MAX_DRIP: u64 = 64 * 1024;
/// How much of a body `/echo` repeats.
const MAX_ECHO: usize = 64 * 1024;

/// How often `/flaky` failed, by key.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<HashMap<String, u64>>>);

type Params = Query<HashMap<String, String>>;

pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(|| async { pages::home() }))
        .route("/data.json", get(|| async { Json(pages::data()) }))
        .route("/watch.txt", get(watch))
        .route("/redirect/{hops}", any(redirect))
        .route("/moved", any(|| async { (StatusCode::MOVED_PERMANENTLY, [(LOCATION, "/")]) }))
        .route("/see-other", any(|| async { (StatusCode::SEE_OTHER, [(LOCATION, "/")]) }))
        .route("/flaky", any(flaky))
        .route("/slow", get(slow))
        .route("/drip", get(drip))
        .route("/download/{bytes}", get(download))
        .route("/stream/{bytes}", get(stream))
        .route("/echo", any(echo))
        .route("/echo/{*rest}", any(echo))
        .route("/upload", post(upload).put(upload))
        .route("/status/{code}", any(status))
        .route("/close", any(|| async { ([(CONNECTION, "close")], "goodbye\n") }))
        .route("/empty", any(|| async { StatusCode::NO_CONTENT }))
        .fallback(|| async { (StatusCode::NOT_FOUND, pages::notice("No such place", "Only sea, here.")) })
        .with_state(Failures::default())
        .merge(session::router())
}

async fn watch() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain"), (CONTENT_ENCODING, "gzip")], pages::WATCH)
}

async fn redirect(Path(hops): Path<u32>) -> Response {
    let to = match hops {
        0 => return pages::home().into_response(),
        1 => "/".to_owned(),
        more => format!("/redirect/{}", more - 1),
    };
    (StatusCode::FOUND, [(LOCATION, to)]).into_response()
}

async fn flaky(State(failures): State<Failures>, Query(params): Params) -> Result<Response, Refusal> {
    let wanted = number(&params, "fail", 2)?;
    let code = number(&params, "status", 0)?;
    let code = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let key = params.get("key").cloned().unwrap_or_default();
    let mut counts = failures.0.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = counts.entry(key).or_default();
    if *failed < wanted {
        *failed += 1;
        let text = format!("failure {failed} of {wanted}\n");
        return Ok(match code {
            None => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "0")], text).into_response(),
            Some(code) => (code, text).into_response(),
        });
    }
    Ok(format!("well again after {failed} failures\n").into_response())
}

async fn slow(Query(params): Params) -> Result<String, Refusal> {
    let ms = number(&params, "ms", 200)?.min(MAX_PAUSE);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(format!("waited {ms} ms\n"))
}

async fn drip(Query(params): Params) -> Result<Response, Refusal> {
    let bytes = at_most(number(&params, "bytes", 10)?, MAX_DRIP)?;
    let pause = Duration::from_millis(number(&params, "ms", 20)?.min(MAX_PAUSE));
    Ok(binary(Body::new(DripBody::new(bytes, pause))))
}

async fn download(Path(bytes): Path<u64>) -> Result<Response, Refusal> {
    Ok(binary(Body::new(PatternBody::sized(at_most(bytes, MAX_DOWNLOAD)?))))
}

async fn stream(Path(bytes): Path<u64>) -> Result<Response, Refusal> {
    Ok(binary(Body::new(PatternBody::unannounced(at_most(bytes, MAX_DOWNLOAD)?))))
}

async fn echo(request: Request) -> Result<Json<Value>, Refusal> {
    let (head, body) = request.into_parts();
    let mut length = 0;
    let mut kept = Vec::new();
    let trailers = read_all(body, |data| {
        length += data.len();
        if length <= MAX_ECHO {
            kept.extend_from_slice(data);
        }
    })
    .await
    .map_err(|error| Refusal(error.to_string()))?;
    let text = if length <= MAX_ECHO { String::from_utf8(kept).ok() } else { None };
    Ok(Json(json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": lines(&head.headers),
        "length": length,
        "text": text,
        "trailers": lines(&trailers),
    })))
}

async fn upload(body: Body) -> Result<Json<Value>, Refusal> {
    let mut bytes = 0;
    let mut hash = Sha256::new();
    read_all(body, |data| {
        bytes += data.len();
        hash.update(data);
    })
    .await
    .map_err(|error| Refusal(error.to_string()))?;
    Ok(Json(json!({"bytes": bytes, "sha256": content::hex(&hash.finalize())})))
}

async fn status(Path(code): Path<u16>) -> Result<Response, Refusal> {
    let status = match StatusCode::from_u16(code) {
        Ok(status) if !status.is_informational() => status,
        _ => return Err(Refusal(format!("{code} is no final status code"))),
    };
    let text = match code {
        204 | 205 | 304 => String::new(),
        _ => format!("{status}\n"),
    };
    Ok((status, text).into_response())
}

/// What the request asks for makes no sense: 400 with the reason.
struct Refusal(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0 + "\n").into_response()
    }
}

fn number(params: &HashMap<String, String>, name: &str, otherwise: u64) -> Result<u64, Refusal> {
    params.get(name).map_or(Ok(otherwise), |text| {
        text.parse().map_err(|_| Refusal(format!("{name}={text}: not a number")))
    })
}

fn at_most(bytes: u64, max: u64) -> Result<u64, Refusal> {
    if bytes <= max { Ok(bytes) } else { Err(Refusal(format!("{bytes} bytes: no more than {max} here"))) }
}

fn binary(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], body).into_response()
}

fn lines(fields: &HeaderMap) -> Value {
    fields
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect()
}
