//! Pictures of the Staff room: the demo's house with a Staff room that takes commands, a scene in which every answer and
//! every post occurs, and a real client that is photographed while it goes on.
//!
//! Run by hand when words change; nothing of it is built or installed by tests. The scene goes by what happens, not by
//! words, so that a change of words needs no change here.

mod album;
mod camera;
mod scene;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use testbed::SynapseVersion;

use album::Album;
use camera::Camera;
use stage::Stage;

use crate::demo::screen::Screen;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) version: SynapseVersion,
    /// Gets every picture.
    pub(crate) all: PathBuf,
    /// Gets those that the documentation shows.
    pub(crate) docs: PathBuf,
    pub(crate) camera: PathBuf,
}

/// Takes them all. What does not fit on a screen is told, and so is a picture that could not be taken: the code is that of
/// a failure then.
///
/// # Errors
/// When a part does not start.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let screen = Screen::new();
    let album = Album::open(options.all, options.docs)?;
    let camera = screen.step("the camera is there", Camera::start(&options.camera)).await?;
    let stage = Stage::set_up(&screen, options.version).await?;
    let mut scene = scene::Scene::new(&screen, stage, camera, album);
    scene.play().await?;
    scene.end().await
}
