"""Files and folders: checked before work begins, written whole, read with errors that say why."""
