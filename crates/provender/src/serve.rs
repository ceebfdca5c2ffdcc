//! `provender serve`.

mod announce;
mod discovering;
mod given;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use provender_registry::{Registry, RegistryError};
use provender_server::api::types::{CreatedToken, Items, NewToken, NoParameters, Token};
use provender_server::{BindError, Server, ServerOptions, TrustedProxy};
use tokio::net::TcpSocket;
use tracing_subscriber::EnvFilter;

use crate::api::Api;
use crate::data::{Target, control_socket};
use crate::discovery::web_url;
use crate::ecosystems;
use crate::exit::Failure;
use crate::output::Output;
use crate::token::Lifetime;
use announce::{Announcer, Start};
use discovering::Discovery;
use given::GivenUpstream;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// An upstream of the repository main, such as pypi=https://upstream.example/simple/; asked
    /// before those that are there already, and instead of looking for that ecosystem's
    #[arg(long, value_name = "ECOSYSTEM=URL")]
    upstream: Vec<GivenUpstream>,
    /// Don't ask the clients installed here which upstreams they use, now or at a later start
    #[arg(long)]
    no_discover: bool,
    /// How clients reach this server, where it is behind a proxy, such as
    /// `https://packages.example`
    #[arg(long, value_name = "URL", value_parser = origin)]
    public_url: Option<String>,
    /// A proxy in front, or a network of them, whose X-Forwarded-For is believed to name the client;
    /// may be given several times
    #[arg(long, value_name = "ADDRESS[/BITS]")]
    trusted_proxy: Vec<TrustedProxy>,
    /// Apply retention rules and collect garbage so often, such as 24h; unless told, both are done
    /// when you say so
    #[arg(long, value_name = "TIME", value_parser = interval)]
    maintain_every: Option<Duration>,
}

/// What is logged unless `PROVENDER_LOG` says otherwise.
const LOG: &str = "warn,provender=info";
/// How long the first administrator's token is valid.
const FIRST_TOKEN_LIFETIME_SECONDS: u64 = 90 * 24 * 60 * 60;

/// Runs the server until it is told to end.
pub(crate) async fn run(options: Options, target: &Target, output: Output) -> Result<()> {
    if target.server.is_some() {
        let message = "serve runs a server here; --server names one elsewhere".to_owned();
        return Err(Failure::Usage(message).into());
    }
    start_logging()?;
    let data = target.data_directory();
    // Before anything is made: a start that fails for want of a port is no first start, and with
    // no port there is no origin to sign by. Held until the server has it.
    let place = place(options.listen).map_err(|error| taken(options.listen, error))?;
    let listen = place.local_addr().map_err(|error| taken(options.listen, error))?;
    let origin = options.public_url.clone().unwrap_or_else(|| local_origin(listen));
    let registry = open(&data, origin, options.maintain_every).await?;
    let server = bind(&registry, &options, listen, &data)?;
    drop(place);
    let api = Api::Here(registry.clone());
    let announcer = Announcer::new(output);
    let discovery = Discovery::due(&options, &registry, &api).await?;
    let token = first_token(&api).await?;
    let is_first = token.is_some();
    let told = announcer.started(&Start {
        server: &server,
        listen: options.listen,
        data: &data,
        token,
        has_public_url: options.public_url.is_some(),
    });
    // Nobody is shown a token twice.
    let told = if is_first { told } else { unless_full(told) };
    told?;
    let given = given::adopt(&options.upstream, &api).await?;
    if discovery.is_some() {
        unless_full(announcer.given(&given))?;
    } else {
        let others = given::others(&options.upstream, &api).await?;
        unless_full(announcer.kept(&given, &others))?;
    }

    let origin = server.origin();
    let discovering = async {
        if let Some(discovery) = discovery {
            discovery.run(&origin, &registry, &api, announcer).await;
        }
        // The server is what this waits for, not the discovery.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = server.run(signals::first()) => {}
        () = discovering => {}
    }
    registry.close().await;
    Ok(())
}

/// What is printed may go to a file on a disk that is full: to serve what is kept takes none of it.
fn unless_full(told: Result<()>) -> Result<()> {
    let is_full = |error: &anyhow::Error| {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
    };
    match told {
        Err(error) if is_full(&error) => Ok(()),
        told => told,
    }
}

fn start_logging() -> Result<()> {
    let filter = match std::env::var("PROVENDER_LOG") {
        Ok(directives) => EnvFilter::try_new(&directives)
            .with_context(|| format!("PROVENDER_LOG is not understood: {directives:?}"))?,
        Err(_) => EnvFilter::new(LOG),
    };
    let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(is_terminal)
        // What cannot be written would be told to where it cannot be written, and whoever logs end
        // by that: a full disk would take the tasks of the log with it.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| anyhow!("cannot start logging: {error}"))
}

/// Takes the address without listening on it, so that the server still can.
fn place(listen: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    Ok(socket)
}

/// What a server is known by that was not told: by name where only this machine reaches it, since
/// the clients of its transparency log want a name.
fn local_origin(listen: SocketAddr) -> String {
    let (ip, port) = (listen.ip(), listen.port());
    match ip.is_loopback() || ip.is_unspecified() {
        true => format!("http://localhost:{port}"),
        false => format!("http://{listen}"),
    }
}

async fn open(data: &Path, origin: String, maintain_every: Option<Duration>) -> Result<Registry> {
    make_private(data)
        .with_context(|| format!("the data directory {} cannot be used", data.display()))?;
    let mut options = provender_registry::Options::new(data.to_owned(), ecosystems::all());
    options.origin = Some(origin);
    options.tuning.maintenance_interval = maintain_every;
    match Registry::open(options).await {
        Ok(registry) => Ok(registry),
        Err(RegistryError::InUse { path }) => Err(Failure::Unreachable(format!(
            "{} is in use: another provender runs on it",
            path.display()
        ))
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// The bits of a file's mode that are not its owner's.
const OTHERS: u32 = 0o077;

/// A new or empty directory is for its owner alone. Any other is left as it is, with a warning:
/// it may be shared for a reason that is not ours to know.
fn make_private(data: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    let mut permissions = std::fs::metadata(data)?.permissions();
    if permissions.mode() & OTHERS == 0 {
        return Ok(());
    }
    if std::fs::read_dir(data)?.next().is_none() {
        permissions.set_mode(0o700);
        return std::fs::set_permissions(data, permissions);
    }
    tracing::warn!(
        "others may look into {data}; keep them out with: chmod 700 {data}",
        data = data.display()
    );
    Ok(())
}

fn bind(registry: &Registry, options: &Options, listen: SocketAddr, data: &Path) -> Result<Server> {
    let server_options = ServerOptions {
        control_socket: Some(control_socket(data)),
        public_origin: options.public_url.clone(),
        trusted_proxies: options.trusted_proxy.clone(),
        ..ServerOptions::new(listen)
    };
    match Server::bind(registry.clone(), server_options) {
        Ok(server) => Ok(server),
        Err(BindError::Address { address, source }) => Err(taken(address, source)),
        Err(error) => Err(error.into()),
    }
}

fn taken(address: SocketAddr, error: io::Error) -> anyhow::Error {
    if error.kind() != io::ErrorKind::AddrInUse {
        return anyhow::Error::new(error).context(format!("cannot listen on {address}"));
    }
    let (ip, port) = (address.ip(), address.port());
    Failure::Unreachable(format!(
        "port {port} of {ip} is taken by another program; choose another with --listen {}, or \
         --listen {} for any free one",
        SocketAddr::new(ip, port.checked_add(1).unwrap_or(8081)),
        SocketAddr::new(ip, 0),
    ))
    .into()
}

/// The administrator's token, made where no token was ever made: on the first start.
async fn first_token(api: &Api) -> Result<Option<CreatedToken>> {
    let tokens: Items<Token> = api.get(&["tokens"], &NoParameters::default()).await?;
    if !tokens.items.is_empty() {
        return Ok(None);
    }
    let new = NewToken {
        name: "first administrator".to_owned(),
        repository: None,
        scope: provender_domain::Scope::Admin,
        pattern: None,
        lifetime_seconds: Some(FIRST_TOKEN_LIFETIME_SECONDS),
    };
    api.post(&["tokens"], &new).await.map(Some)
}

/// As lifetimes of tokens are typed.
fn interval(text: &str) -> Result<Duration, &'static str> {
    match text.parse()? {
        Lifetime::For(duration) => Ok(duration),
        Lifetime::Unlimited => Err("how often? Without this option it is never done by itself"),
    }
}

fn origin(text: &str) -> Result<String, String> {
    let wanted = "only scheme, host and port are wanted, such as https://packages.example";
    let url = web_url(text, wanted)?;
    let is_origin = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !is_origin {
        return Err(wanted.into());
    }
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::{local_origin, origin};

    #[test]
    fn origins_of_addresses() {
        let check = |listen: &str, expected: &str| {
            assert_eq!(local_origin(listen.parse().unwrap()), expected, "{listen}");
        };
        check("127.0.0.1:8080", "http://localhost:8080");
        check("[::1]:8080", "http://localhost:8080");
        check("0.0.0.0:80", "http://localhost:80");
        check("192.0.2.7:8080", "http://192.0.2.7:8080");
        check("[2001:db8::7]:8080", "http://[2001:db8::7]:8080");
    }

    #[test]
    fn public_urls() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(origin(text).ok().as_deref(), expected, "{text}");
        };
        check("https://packages.example", Some("https://packages.example"));
        check("https://packages.example:8443/", Some("https://packages.example:8443"));
        check("https://packages.example/path", None);
        check("https://user@packages.example", None);
        check("https://:password@packages.example", None);
        check("https://packages.example/#part", None);
        check("https://packages.example/?part", None);
        check("packages.example", None);
        check("file:///tmp", None);
    }
}
