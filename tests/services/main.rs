//! Docs servers of workspaces with the real program: started, killed, found again, bounded, and ended without a trace.

#[cfg(feature = "failpoints")]
mod crashes;
mod docmgr;
mod life;
mod machine;
