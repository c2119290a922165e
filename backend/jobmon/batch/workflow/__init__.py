"""Say what follows when a stage of a workflow has ended; nothing here starts a job or keeps anything."""
