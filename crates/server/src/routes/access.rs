//! Who may call which route: one table, and the layer that keeps to it. What is
//! not in the table is for administrators.

use axum::RequestExt;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Language;

use crate::auth::{AuthError, Principal, Refusal, Scope, bearer};
use crate::live::EVERY_TASK;
use crate::problem::ApiError;
use crate::request::language;
use crate::state::AppState;

/// What a route asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: the page, documents, and whether the server lives. Also the
    /// live doors, which ask by themselves.
    Nothing,
    /// A scope, and not only a share link.
    Scope(Scope),
    /// A scope, and to see the task in the path.
    Task(Scope),
}

fn need(method: &Method, route: &str) -> Need {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let scope = if reads { Scope::TasksRead } else { Scope::TasksWrite };
    match route {
        "/api/health" | "/api/openapi.json" | "/api/stream" => Need::Nothing,
        "/api/tasks" | "/api/boms" => Need::Scope(scope),
        "/api/bom/validate" | "/api/evaluate" => Need::Scope(Scope::TasksWrite),
        _ if route == "/api/tasks/{id}" || route.starts_with("/api/tasks/{id}/") => Need::Task(scope),
        _ if route.starts_with("/api/") => Need::Scope(Scope::Admin),
        _ => Need::Nothing,
    }
}

/// Leaves the [`Principal`] with the request, or turns it away.
pub(crate) async fn check(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let need = need(request.method(), route.as_deref().unwrap_or_default());
    let principal = match admit(&state, need, &mut request).await {
        Ok(principal) => principal,
        Err(error) => return error.into_response(),
    };
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let audit = (writes && need != Need::Nothing && state.admission().is_required())
        .then(|| (request.method().clone(), request.uri().path().to_owned(), principal.name().to_owned()));
    request.extensions_mut().insert(principal);
    let response = next.run(request).await;
    if let Some((method, path, principal)) = audit {
        tracing::info!(%principal, %method, %path, status = response.status().as_u16(), "written");
    }
    response
}

async fn admit(state: &AppState, need: Need, request: &mut Request) -> Result<Principal, ApiError> {
    let admission = state.admission();
    if need == Need::Nothing || !admission.is_required() {
        return Ok(Principal::anyone());
    }
    let language = language(request.headers(), Language::En);
    let refused = |refusal| ApiError::refused(refusal, language);
    let principal = authenticate(state, request.headers()).await?;
    match need {
        Need::Nothing => {}
        Need::Scope(scope) => {
            principal.require(scope).map_err(refused)?;
            if principal.only_task().is_some() {
                return Err(refused(Refusal::ScopeMissing(scope)));
            }
        }
        Need::Task(scope) => {
            principal.require(scope).map_err(refused)?;
            // What is no text names no task.
            let params = request.extract_parts::<RawPathParams>().await;
            let params = params.map_err(|_| ApiError::task_not_found())?;
            let task_id = params.iter().find(|(name, _)| *name == "id").map_or("", |(_, id)| id);
            if task_id == EVERY_TASK {
                if principal.only_task().is_some() {
                    return Err(refused(Refusal::ScopeMissing(scope)));
                }
            } else if !admission.sees(&principal, task_id).await? {
                return Err(ApiError::task_not_found());
            }
        }
    }
    Ok(principal)
}

/// Who sends a request with these headers.
pub(crate) async fn authenticate(state: &AppState, headers: &HeaderMap) -> Result<Principal, ApiError> {
    let language = language(headers, Language::En);
    state.admission().admit(bearer(headers)).await.map_err(|error| match error {
        AuthError::Refused(refusal) => ApiError::refused(refusal, language),
        failure => ApiError::internal(failure),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_api_asks_for_what_it_should_and_a_new_one_for_an_administrator() {
        let (read, write, admin) = (Scope::TasksRead, Scope::TasksWrite, Scope::Admin);
        for (method, route, expected) in [
            (Method::GET, "/", Need::Nothing),
            (Method::GET, "/api/health", Need::Nothing),
            (Method::GET, "/api/openapi.json", Need::Nothing),
            (Method::GET, "/api/tasks", Need::Scope(read)),
            (Method::POST, "/api/tasks", Need::Scope(write)),
            (Method::GET, "/api/tasks/{id}", Need::Task(read)),
            (Method::HEAD, "/api/tasks/{id}/result", Need::Task(read)),
            (Method::DELETE, "/api/tasks/{id}", Need::Task(write)),
            (Method::POST, "/api/tasks/{id}/cancel", Need::Task(write)),
            (Method::POST, "/api/tasks/{id}/share", Need::Task(write)),
            (Method::GET, "/api/boms", Need::Scope(read)),
            (Method::POST, "/api/boms", Need::Scope(write)),
            (Method::POST, "/api/bom/validate", Need::Scope(write)),
            (Method::POST, "/api/evaluate", Need::Scope(write)),
            (Method::GET, "/api/experiments", Need::Scope(admin)),
            (Method::GET, "/api/admin/connections", Need::Scope(admin)),
            (Method::GET, "/api/tasks/new", Need::Scope(admin)),
        ] {
            assert_eq!(need(&method, route), expected, "{method} {route}");
        }
    }
}
