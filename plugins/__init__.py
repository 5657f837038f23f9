"""Media-server plugins; `plugins.api` is the contract they see."""
