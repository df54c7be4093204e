use crate::Exit;
#[derive(Debug, clap::Args)]
pub(crate) struct Options { }
pub(crate) fn run(_options: &Options) -> Exit { Exit::Failed }
