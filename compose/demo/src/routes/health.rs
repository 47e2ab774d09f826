//! What the health endpoints answer.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::{Reply, Service, failed_neighbour};
use crate::{
    knobs::{Knobs, Mode},
    traces::Context,
};

/// A hanging endpoint lets go after this long, so that no caller holds a connection for ever.
const HANG_LIMIT: Duration = Duration::from_secs(600);

/// Health of the service and, where it is to cover them, of those whom it needs.
pub(super) async fn answer(
    service: &Service,
    request_id: &str,
    context: Option<&Context>,
    of: impl Fn(&Knobs) -> Mode,
) -> Reply {
    if service.health_relay
        && let Some(url) = failed_neighbour(service, request_id, context).await
    {
        let part = url.host().unwrap_or_default();
        return Reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "failing", "part": part }));
    }
    alone(service, of).await
}

/// By the mode of the endpoint.
pub(super) async fn alone(service: &Service, of: impl Fn(&Knobs) -> Mode) -> Reply {
    let mode = of(&service.knobs.borrow());
    match mode {
        Mode::Ok => {}
        Mode::Fail => return Reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "failing" })),
        Mode::Hang => {
            tokio::time::sleep(HANG_LIMIT).await;
            return Reply::error(StatusCode::GATEWAY_TIMEOUT, "hung");
        }
        Mode::Slow(delay) => tokio::time::sleep(delay).await,
    }
    Reply::json(StatusCode::OK, &json!({ "status": "ok" }))
}
