//! stub
use crate::ports::executor::{Executor, ExecutorError, StepEnded, StepKey, StepState};
pub struct LocalExecutor;
impl LocalExecutor {
    pub fn open(_: &std::path::Path, _: usize) -> anyhow::Result<Self> {
        Ok(Self)
    }
}
#[async_trait::async_trait]
impl Executor for LocalExecutor {
    async fn start(&self, _: &StepKey, _: &serde_json::Value) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn look(&self, _: &StepKey) -> Result<StepState, ExecutorError> {
        Ok(StepState::NotStarted)
    }
    async fn forget(&self, _: &StepKey) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn stop_run(&self, _: &str) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn forget_run(&self, _: &str) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn next_ended(&self) -> StepEnded {
        std::future::pending().await
    }
}
