//! Steps against real git and real files.
