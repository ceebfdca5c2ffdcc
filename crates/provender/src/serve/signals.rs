//! How the server is told to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports for a process that SIGINT ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// Ready at the first SIGINT or SIGTERM. A SIGINT after that ends the process at once.
pub(super) async fn first() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be waited for; the server can only be killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("ending: requests under way are finished; interrupt again to end at once");
    provender_server::api::end_waiting();
    tokio::spawn(end_at_once(interrupt));
}

async fn end_at_once(mut interrupt: Signal) {
    interrupt.recv().await;
    std::process::exit(INTERRUPTED);
}
