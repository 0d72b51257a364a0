//! metawsm for Kubernetes: who owns a ticket's documents, and who waits for an answer.
