"""Sources and indexes of knowledge bases: files, git, SQL, web pages, object storage; SQL with pgvector, Chroma, Qdrant."""
