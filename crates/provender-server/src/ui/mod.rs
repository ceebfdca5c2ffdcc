//! The pages under `/`.

use http::Response;
use provender_domain::Problem;
use provender_registry::Caller;

use crate::body::Body;
use crate::request::ApiRequest;
use crate::server::Server;

/// Answers one request, its caller already identified. A problem is logged and rendered by the server.
pub(crate) async fn handle(
    server: &Server,
    caller: &Caller,
    request: ApiRequest,
) -> Result<Response<Body>, Problem> {
    let _ = (server, caller);
    Err(Problem::not_found(format!("there is nothing at /{}", request.segments.join("/"))))
}
