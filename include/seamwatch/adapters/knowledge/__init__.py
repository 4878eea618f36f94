"""Sources (files, git, SQL, web pages, object storage) and indexes (SQL with pgvector, Chroma, Qdrant) of documents."""
