//! Starts the chain, tells the story on it, and leaves nothing behind.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Instant;

use anyhow::Context as _;

use super::register::Register;
use super::scene::Scene;
use super::screen::{Screen, grouped};
use super::{import, steps};
use crate::node::local_chain::{LocalChain, LocalChainOptions};

/// What is shown on the chain.
#[derive(Debug)]
pub enum Story {
    /// A villa, from its registration to proofs of who owns it.
    Villa,
    /// A user's own register.
    Register(Box<Register>),
}

/// What to show, and on which chain.
#[derive(Debug)]
pub struct DemoOptions {
    /// The chain.
    pub chain: LocalChainOptions,
    /// What kind of chain it is, for people.
    pub description: String,
    /// What is shown.
    pub story: Story,
    /// Where proofs go.
    pub out: PathBuf,
    /// Whether the chain stays until it is interrupted.
    pub keep: bool,
}

/// The user interrupted the demonstration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; all processes have been stopped")]
pub struct Interrupted;

/// Runs a demonstration. Whatever happens, the nodes are stopped at its end.
///
/// # Errors
/// The first thing that does not hold, or [`Interrupted`].
pub async fn run(
    options: DemoOptions,
    interrupted: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut chain = LocalChain::prepare(&options.chain)?;
    let mut interrupted = pin!(interrupted);
    let result = tokio::select! {
        result = tell(&mut chain, &options) => result,
        () = &mut interrupted => Err(Interrupted.into()),
    };
    if result.is_ok() && options.keep {
        interrupted.await;
    }
    let stopped = Screen::new().waiting("stopping the chain", chain.stop()).await;
    result.and(stopped)
}

async fn tell(chain: &mut LocalChain, options: &DemoOptions) -> anyhow::Result<()> {
    let (screen, begun) = (Screen::new(), Instant::now());
    let version = env!("CARGO_PKG_VERSION");
    let chain_id = chain.genesis().chain_id.clone();
    screen.head(&format!("Tessera demo · chain {chain_id} · tesserad {version}"));
    let words = format!("starting {}", options.description);
    screen.waiting(&words, chain.launch()).await?;
    let started = begun.elapsed().as_secs_f32();
    let text = format!("{}, first block after {started:.1} s", options.description);
    screen.done("started", &text, Some(1));
    let urls: Vec<String> = (0..chain.len()).map(|index| chain.url(index)).collect();
    let out = options.out.clone();
    let mut scene = Scene::new(&urls, chain.genesis(), out, screen).await?;
    match &options.story {
        Story::Villa => steps::play(&mut scene).await?,
        Story::Register(register) => import::play(&mut scene, register).await?,
    }
    let height = scene.height().await?;
    let seconds = begun.elapsed().as_secs_f32();
    let refused = match scene.refused {
        0 => String::new(),
        count => format!(" ({count} refused as intended)"),
    };
    screen.head(&format!(
        "Everything held: {} transactions{refused} in {} blocks, {seconds:.1} s",
        grouped(u64::try_from(scene.transactions).context("too many transactions")?),
        grouped(height),
    ));
    show_next(&scene, options, &urls);
    Ok(())
}

fn show_next(scene: &Scene, options: &DemoOptions, urls: &[String]) {
    let screen = scene.screen;
    let trusted = hex::encode(scene.trusted);
    let out = options.out.display();
    screen.plain(&format!("  Files      {out}"));
    let proof = match options.story {
        Story::Villa => "proof.json".to_owned(),
        Story::Register(_) => "proofs/NAME.json".to_owned(),
    };
    let program = client_program();
    screen.plain(&format!(
        "  Check it   {program} proof verify {out}/{proof} --trust-hash {trusted}"
    ));
    if options.keep {
        let url = urls.first().map(String::as_str).unwrap_or_default();
        screen.plain(&format!("  Ask it     {program} --node {url} asset list"));
        screen.plain("  The chain stays until Ctrl-C.");
        return;
    }
    let this = std::env::args().next().unwrap_or_else(|| "tesserad".to_owned());
    if matches!(options.story, Story::Villa) {
        screen.plain(&format!("  Your own   {this} demo --from app/samples/register"));
    }
    screen.plain(&format!("  Play on    {this} dev"));
}

/// How the client is called: it lies beside this program, once it is built.
fn client_program() -> String {
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name("tessera"));
    match beside.filter(|program| program.is_file()) {
        Some(program) => program.display().to_string(),
        None => "cargo run --release --bin tessera --".to_owned(),
    }
}
