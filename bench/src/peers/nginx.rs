//! The static server that everything is held against: it serves files from disk, and no more.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::{NGINX, Subject, install};
use crate::machine::Workplace;
use crate::program::{Program, free_address};

/// Installs the static server and the load generator, if they are missing.
///
/// # Errors
/// Where they are missing and cannot be installed.
pub(crate) fn install() -> anyhow::Result<()> {
    install::packaged(&["nginx", "wrk"])
}

/// Serves a folder: `simple/` in it is a simple index. `name` tells apart the folders that it
/// keeps its own files in.
///
/// # Errors
/// Where nginx cannot be started.
pub(crate) fn serve(workplace: &Workplace, folder: &Path, name: &str) -> anyhow::Result<Subject> {
    install()?;
    let own = workplace.fresh(&format!("nginx-{name}"))?;
    let address = free_address()?;
    let configuration = own.join("nginx.conf");
    fs::write(&configuration, settings(&own, folder, &address)?)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&own).arg("-c").arg(&configuration).args(["-e", "error.log"]);
    if !Path::new("/usr/bin/nginx").exists() {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin"));
    }
    let server = Program::start(&mut command, &address, "/", &own.join("log"))?;
    Ok(Subject { name: NGINX, server, index: "/simple/" })
}

fn settings(own: &Path, folder: &Path, address: &str) -> anyhow::Result<String> {
    // Started as root, its workers would else be an account that cannot read the folder.
    let user = if fs::metadata("/proc/self")?.uid() == 0 { "user root;" } else { "" };
    let (own, folder) = (own.display(), folder.display());
    Ok(format!(
        "{user}
        daemon off;
        worker_processes auto;
        pid {own}/pid;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            error_log {own}/error.log;
            client_body_temp_path {own}/body;
            proxy_temp_path {own}/proxy;
            fastcgi_temp_path {own}/fastcgi;
            uwsgi_temp_path {own}/uwsgi;
            scgi_temp_path {own}/scgi;
            default_type application/octet-stream;
            types {{ text/html html; }}
            sendfile on;
            tcp_nopush on;
            keepalive_requests 100000000;
            open_file_cache max=1000;
            server {{ listen {address}; root {folder}; index index.html; }}
        }}
        "
    ))
}
