//! Signing in and out: a form, a cookie, and who is behind it.

use super::pages;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// Who holds which session cookie.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<String, String>>>);

impl Sessions {
    fn open(&self, user: &str) -> String {
        let draw = || RandomState::new().hash_one(user);
        let id = format!("{:016x}{:016x}", draw(), draw());
        self.lock().insert(id.clone(), user.to_owned());
        id
    }

    fn user(&self, headers: &HeaderMap) -> Option<String> {
        let sessions = self.lock();
        ids(headers).find_map(|id| sessions.get(id).cloned())
    }

    fn end(&self, headers: &HeaderMap) {
        let mut sessions = self.lock();
        for id in ids(headers) {
            sessions.remove(id);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every `session` cookie: a client may send several of one name.
fn ids(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix("session="))
}

pub(super) fn router() -> Router {
    Router::new()
        .route("/login", get(|| async { pages::login() }).post(sign_in))
        .route("/dashboard", get(dashboard))
        .route("/logout", get(sign_out).post(sign_out))
        .with_state(Sessions::default())
}

async fn sign_in(State(sessions): State<Sessions>, Form(fields): Form<HashMap<String, String>>) -> Response {
    let field = |name: &str| fields.get(name).map_or("", |text| text.trim());
    let user = field("user");
    if user.is_empty() || field("password") != "lantern" {
        let page = pages::notice("Wrong password", "The door stays shut. The gulls are laughing.");
        return (StatusCode::FORBIDDEN, page).into_response();
    }
    let cookie = format!("session={}; Path=/; HttpOnly", sessions.open(user));
    (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/dashboard".to_owned())]).into_response()
}

async fn dashboard(State(sessions): State<Sessions>, headers: HeaderMap) -> Response {
    match sessions.user(&headers) {
        Some(user) => pages::dashboard(&user).into_response(),
        None => {
            let page = pages::notice("Who goes there?", "The watch room is for keepers who signed in.");
            (StatusCode::UNAUTHORIZED, page).into_response()
        }
    }
}

async fn sign_out(State(sessions): State<Sessions>, headers: HeaderMap) -> impl IntoResponse {
    sessions.end(&headers);
    (StatusCode::SEE_OTHER, [(SET_COOKIE, "session=; Path=/; HttpOnly; Max-Age=0"), (LOCATION, "/")])
}
