//! The control port.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::gateway::json;
use crate::payload::Payload;
use crate::server::HungUp;
use crate::world::World;

pub(crate) async fn serve(
    _world: Arc<World>,
    _request: Request<Incoming>,
) -> Result<Response<Payload>, HungUp> {
    Ok(json(StatusCode::NOT_FOUND, "{}"))
}
