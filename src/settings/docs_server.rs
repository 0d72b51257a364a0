//! Settings of the docs servers of workspaces.

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};

/// What serves the documents of workspaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DocsServerKind {
    /// This program's own server.
    Builtin,
    /// The real docmgr where it is installed, else this program's own.
    Docmgr,
}

/// Settings of the docs servers of workspaces.
#[derive(Args, Clone, Debug)]
pub struct DocsServerSettings {
    /// What serves the documents of workspaces; docmgr only where it is installed
    #[arg(long, env = "METAWSM_DOCS_SERVER", value_enum, default_value_t = DocsServerKind::Builtin, help_heading = "Documents")]
    pub docs_server: DocsServerKind,

    /// The docmgr program: a path, or a name on the PATH
    #[arg(
        long,
        env = "METAWSM_DOCMGR_PROGRAM",
        default_value = "docmgr",
        help_heading = "Documents"
    )]
    pub docmgr_program: PathBuf,

    /// Loopback ports for docmgr, which cannot choose one itself: first-last
    #[arg(long, env = "METAWSM_DOCS_PORTS", default_value = "18100-18999", value_parser = ports, help_heading = "Documents")]
    pub docs_ports: (u16, u16),

    /// Bytes of memory above which a docs server is started anew: docmgr keeps about 20 MiB of each refresh of 900
    /// documents
    #[arg(long, env = "METAWSM_DOCS_MEMORY_BYTES", default_value_t = 512 << 20, value_parser = clap::value_parser!(u64).range(64 << 20..), help_heading = "Documents")]
    pub docs_memory_bytes: u64,
}

fn ports(text: &str) -> anyhow::Result<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.trim().parse()?, last.trim().parse()?);
    ensure!(
        first > 0 && first <= last,
        "write it like 18100-18999, the smaller one first"
    );
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_a_range_or_one() {
        assert_eq!(ports("18100-18999").unwrap(), (18100, 18999));
        assert_eq!(ports("9000").unwrap(), (9000, 9000));
        for bad in ["", "0-9", "9-8", "1-70000", "a-b"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
