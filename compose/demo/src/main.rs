//! The `spyhop-demo` binary: arguments -> settings -> run -> exit code.

use std::process::ExitCode;

use clap::Parser;
use spyhop_demo::{
    app, client,
    settings::{Cli, Command},
    traefik,
};

// One thread serves all requests: the program stands for a service, it does not compete with one.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Healthcheck(check)) => client::healthcheck(&check).await.map(|()| 0),
        Some(Command::Traefik(gateway)) => traefik::run(&gateway).await.map(|()| 0),
        None => app::run(cli.settings).await,
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("spyhop-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
